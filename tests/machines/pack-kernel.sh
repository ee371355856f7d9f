# pack-kernel.sh TREE MADE MODULE...: from TREE, a kernel's unpacked packages and busybox, make MADE/vmlinuz and
# MADE/initramfs, in which the modules, those that they need, and busybox are.
tree=$1 made=$2
shift 2
[ ! -d "$tree/usr/lib/modules" ] || { mkdir -p "$tree/lib"; mv "$tree/usr/lib/modules" "$tree/lib/modules"; }
release=$(ls "$tree/lib/modules")
modules=lib/modules/$release
root=$made/root
mkdir -p "$root/$modules" "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tree"

cp "$tree"/boot/vmlinuz-* "$made/vmlinuz" 2>/dev/null || cp "$tree/$modules/vmlinuz" "$made/vmlinuz"
depmod -b "$tree" "$release"
for module; do
    modprobe -d "$tree" -S "$release" --show-depends "$module" 2>/dev/null || true
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u | while read -r file; do
    copy=$root/$modules/${file#"$tree/$modules/"}
    mkdir -p "$(dirname "$copy")"
    case $file in
    *.xz) xz -dc "$file" >"${copy%.xz}" ;;
    *.zst) zstd -qdc "$file" >"${copy%.zst}" ;;
    *) cp "$file" "$copy" ;;
    esac
done
# Newer packages do not have these lists.
cp "$tree/$modules"/modules.builtin* "$tree/$modules"/modules.order "$root/$modules/" 2>/dev/null || true
depmod -b "$root" "$release"
cp "$tree"/usr/bin/busybox "$root/bin/busybox" 2>/dev/null || cp "$tree"/bin/busybox "$root/bin/busybox"
(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$made/initramfs"
