# A container is started, looked at, stopped and removed.
id=$(docker run -d --name web tiny sh -c 'trap "exit 0" TERM; echo started; while :; do sleep 0.05; done')
test "$(docker ps -q --no-trunc)" = "$id"
test "$(docker ps -a --filter name=web --format '{{.Names}}')" = web
test "$(docker inspect -f '{{.State.Running}}' web)" = true
until docker logs web 2>&1 | grep -q started; do sleep 0.05; done
test "$(docker exec web cat /proc/1/comm)" = sh
docker exec -i web sh -c 'cat > /file' <<END
content
END
test "$(docker exec web cat /file)" = content
docker stop web
test "$(docker inspect --format '{{.State.Status}} {{.State.ExitCode}}' web)" = "exited 0"
test "$(docker wait web)" = 0
docker rm web
test -z "$(docker ps -aq)"
echo done
