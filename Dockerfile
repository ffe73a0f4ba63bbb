# The gateway, with SQLite and PostgreSQL, as nobody in particular, on a root that nobody writes to.
#
#   docker build -t muster .
#   docker run --read-only --tmpfs /tmp -v muster:/var/lib/muster -v ./muster.toml:/etc/muster/muster.toml:ro muster

FROM rust:1-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libpq-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY migrations migrations
COPY examples examples
# The manifest names these targets; the image needs neither.
RUN mkdir -p tests/it benches/speed && echo 'fn main() {}' | tee tests/it/main.rs benches/speed/main.rs
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --features postgres && cp target/release/muster /usr/local/bin/muster

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/muster
COPY --from=build /usr/local/bin/muster /usr/local/bin/muster
USER 10001:10001
WORKDIR /var/lib/muster
VOLUME /var/lib/muster
EXPOSE 8460
ENTRYPOINT ["muster"]
CMD ["serve", "--config", "/etc/muster/muster.toml"]
