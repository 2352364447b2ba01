# Sockets, without and with the modules for socket diagnosis; without IPv6; without the loopback
# device.

sockets() {
    holds "ss, $1" 0 '^tcp +LISTEN .*:8080 .*service' porthole ss -l
    holds "ss of Unix sockets, $1" 0 'service.sock.*service' porthole ss -l -x
    holds "lsof, $1" 0 '0.0.0.0:8080' porthole lsof -p $service
    holds "listen, $1" 0 'healthy' porthole listen 8080
    holds "listen on a Unix socket, $1" 0 'healthy' porthole listen /tmp/service.sock
    holds "an IPv6 listener, $1" 0 '\[::\]:8090' porthole ss -l
}
ADDRESS='[::]' PORT=8090 service &
six=$!
until_holds porthole listen 8090
sockets 'without modules'
for module in inet_diag tcp_diag udp_diag unix_diag; do insmod /modules/$module.ko; done
sockets 'with modules'
kill $six

echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
holds 'http, IPv6 disabled' 0 '200 OK' porthole http :8080/healthz
holds 'http to ::1, IPv6 disabled' 1 'unhealthy' porthole http 'http://[::1]:8080/healthz'
holds 'listen, IPv6 disabled' 0 'healthy' porthole listen 8080
echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6

ip link set lo down
holds 'http, lo down' 1 'unhealthy' porthole http :8080/healthz --timeout 1s
holds 'doctor, lo down' 1 'lo.* is down|loopback' porthole doctor
holds 'ip, lo down' 0 'lo .*DOWN|lo .*down' porthole ip
ip link set lo up
