# Data comes in by volumes, the environment and standard input, and goes out again.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo from-outside >"$dir/in"
docker run --rm -v "$dir:/data" -e GREETING=hello tiny sh -c 'echo "$GREETING $(cat /data/in)" > /data/out'
test "$(cat "$dir/out")" = "hello from-outside"
test "$(echo typed | docker run --rm -i tiny cat)" = typed
if docker run --rm -v "$dir:/data:ro" tiny sh -c 'echo x > /data/no' 2>/dev/null; then exit 1; fi
test "$(docker run --rm -w /tmp tiny sh -c pwd)" = /tmp
test "$(docker run --rm --entrypoint cat tiny /etc/hostname | wc -c)" -gt 1
test "$(docker run --rm --hostname named tiny hostname)" = named
docker rm -f $(docker ps -aq) 2>/dev/null || true
echo done
