# Files and file systems.

mkdir -p /tmp/small /tmp/lower /tmp/upper /tmp/work /tmp/merged /tmp/tree/sub
mount -t tmpfs -o size=1m small /tmp/small
dd if=/dev/zero of=/tmp/small/fill bs=64k 2>/dev/null
holds 'df of a full file system' 0 '100%' porthole df /tmp/small
holds 'doctor of a full file system' 1 '/tmp/small.* full' porthole doctor
umount /tmp/small

insmod /modules/overlay.ko
echo lower >/tmp/lower/file
mount -t overlay -o lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work overlay /tmp/merged
holds 'cat through an overlay' 0 '^lower$' porthole cat /tmp/merged/file
holds 'mounts of an overlay' 0 'overlay' porthole mounts /tmp/merged/file
holds 'a file check on an overlay' 0 'healthy' porthole file /tmp/merged/file --contains lower
umount /tmp/merged

head -c 100000 /bin/porthole >/tmp/tree/a
ln -s a /tmp/tree/link
echo text >/tmp/tree/sub/b
same 'sha256sum' "$(sha256sum /tmp/tree/a | cut -d ' ' -f 1)" "$(porthole sha256sum /tmp/tree/a | cut -d ' ' -f 1)"
mkdir /tmp/out
porthole tar cf - -C /tmp/tree . | tar -x -C /tmp/out
same 'tar is read back' "$(cd /tmp/tree && find . -type f -exec sha256sum {} + | sort)" "$(cd /tmp/out && find . -type f -exec sha256sum {} + | sort)"
same 'tar keeps links' a "$(readlink /tmp/out/link)"
same 'find' "$(find /tmp/tree | sort)" "$(porthole find /tmp/tree | sort)"
same 'grep' /tmp/tree/sub/b "$(porthole grep -r -l -x text /tmp/tree)"

mkdir -p /tmp/ro
mount -t tmpfs -o ro ro /tmp/ro
holds 'access in a read-only file system' 1 'read-only' porthole access /tmp/ro --write
umount /tmp/ro
