# Each check that needs no server of its own kind, in each build.

service &
service=$!
SOCKET=/tmp/service.sock PORT=8081 service &
other=$!
until_holds porthole-probe tcp :8080
until_holds porthole-probe tcp :8081

for build in porthole porthole-probe porthole-probe-tls; do
    holds "$build: http" 0 '^healthy: .*200 OK' $build http :8080/healthz
    holds "$build: http, another status" 1 '404 Not Found' $build http :8080/none
    holds "$build: http over a Unix socket" 0 '200 OK' $build http http://app/healthz --unix /tmp/service.sock
    holds "$build: tcp" 0 'connected' $build tcp :8080
    holds "$build: tcp, refused" 1 'connection refused' $build tcp :1
    holds "$build: unix" 0 'connected' $build unix /tmp/service.sock
    holds "$build: listen" 0 'healthy' $build listen 8080
    holds "$build: listen, nothing" 1 'nothing listens' $build listen 1
    holds "$build: file" 0 'healthy' $build file /etc/passwd --contains app
    holds "$build: process" 0 'healthy' $build process service
    holds "$build: process, none" 1 'unhealthy' $build process nothing
    holds "$build: several at once" 0 'healthy' $build http :8080/healthz and file /etc/passwd and process service
done
holds 'a check waits' 0 'healthy' porthole http :8080/healthz --wait 20s
holds 'a check explains a refusal' 1 'nothing listens on TCP port 1' porthole tcp :1 --explain
# The sandbox of the checks is in force as long as they wait for an answer.
holds 'the service hangs' 0 '200|204' porthole http :8081/hang -X POST
porthole http :8081/healthz --timeout 1m >/dev/null 2>&1 &
check=$!
until_holds grep -q 'Seccomp:.*2' /proc/$check/status
holds 'a check seals itself' 0 'Seccomp:.*2' grep Seccomp: /proc/$check/status
holds 'a sealed check gains no privileges' 0 'NoNewPrivs:.*1' grep NoNewPrivs /proc/$check/status
kill $check
holds 'the service works again' 0 '200|204' porthole http :8081/heal -X POST

# Inspections that read most of /proc.
holds 'ps' 0 '^ *[0-9]+ .* service$' porthole ps
holds 'top' 0 'service' porthole top -n 1
holds 'env' 0 'SOCKET' porthole env -p $other
holds 'id' 0 'cap_sys_admin|all' porthole id -p $service
holds 'mounts' 0 'tmpfs' porthole mounts
holds 'df' 0 '/tmp' porthole df
holds 'ip' 0 '127.0.0.1' porthole ip
