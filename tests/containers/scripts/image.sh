# An image is built, changed in a container, and sent on its way.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
echo 'hello from the context' > "$dir/hello.txt"
echo 'not this' > "$dir/secret.key"
echo '*.key' > "$dir/.dockerignore"
cat > "$dir/Dockerfile" <<'END'
ARG BASE=tiny
FROM ${BASE}
ARG VERSION=1
LABEL version=$VERSION
ENV GREETING="hello world"
WORKDIR /srv
COPY . .
RUN echo "version $VERSION" > version && cat hello.txt
CMD cat version
END
docker build -t web:1 "$dir"
id=$(docker build -q -t web:2 --build-arg VERSION=2 "$dir")
[ "$(docker images -q --no-trunc web:2)" = "$id" ]
[ "$(docker run --rm web:1)" = 'version 1' ]
[ "$(docker run --rm web:2)" = 'version 2' ]
[ "$(docker run --rm web:2 sh -c 'echo $GREETING; ls')" = "$(printf 'hello world\nDockerfile\nhello.txt\nversion')" ]
docker history web:2 | grep -q 'RUN echo'

docker run --name work web:2 sh -c 'echo more >> hello.txt; rm version; mkdir /new'
[ "$(docker diff work)" = "$(printf 'A /new\nC /srv\nC /srv/hello.txt\nD /srv/version')" ]
docker commit -m 'by hand' -c 'CMD ["cat", "hello.txt"]' work web:3 > /dev/null
docker rm work > /dev/null
docker save -o "$dir/web.tar" web:3
docker rmi web:3 > /dev/null
docker load -i "$dir/web.tar" > /dev/null
[ "$(docker run --rm web:3)" = "$(printf 'hello from the context\nmore')" ]

printf 'FROM web:3\nRUN exit 9\n' > "$dir/Dockerfile"
docker build "$dir" && exit 1 || [ $? = 9 ]
printf 'FROM web:3\nCOPY secret.key /\n' | docker build -f - "$dir" && exit 1 || [ $? = 1 ]
docker rmi web:1 web:2 web:3 > /dev/null
docker image prune -f > /dev/null
echo done
