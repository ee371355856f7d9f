#!/bin/busybox sh
# Process 1 on the initramfs: load the drivers, mount the tree, and go on there. pivot_root(2) refuses to leave an
# initramfs, so lessons need a real root.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in virtio_pci virtio_blk ext4; do modprobe -q $module; done
mount -t ext4 /dev/vda /tree || poweroff -f
mkdir -p /tree/lib/modules /tree/payload
cp -a /lib/modules/. /tree/lib/modules/
mount -t ext4 /dev/vdb /tree/payload || poweroff -f
mkdir /tree/machine
cp /machine/* /tree/machine/
for dir in proc sys dev; do mount -o move /$dir /tree/$dir; done
. /machine/machine.sh
if [ "$systemd" = true ]; then
    exec switch_root /tree /bin/sh /payload/guest/systemd.sh
fi
exec switch_root /tree /bin/sh /payload/guest/init.sh
