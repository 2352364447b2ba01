# Clocks that are wrong: ages and times must not make a check fail that has nothing to do with them.

touch /tmp/beat
now=$(date +%s)
date -s '2000-01-01 00:00:00' >/dev/null
holds 'http in 2000' 0 '200 OK' porthole http :8080/healthz
holds 'a heartbeat from the future' 1 'future' porthole file /tmp/beat --max-age 1m
holds 'ps in 2000' 0 'service' porthole ps
holds 'doctor in 2000' 0 'the clock is wrong' porthole doctor
date -s '2040-01-01 00:00:00' >/dev/null
holds 'http in 2040' 0 '200 OK' porthole http :8080/healthz
holds 'an old heartbeat' 1 'unhealthy' porthole file /tmp/beat --max-age 1m
touch /tmp/beat
holds 'a new heartbeat in 2040' 0 'healthy' porthole file /tmp/beat --max-age 1m
holds 'stat in 2040' 0 '2040-01-01' porthole stat /tmp/beat
holds 'ls in 2040' 0 '2040-01-01' porthole ls -l /tmp/beat
date -s "@$now" >/dev/null
