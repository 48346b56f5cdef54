# The controller, and nothing else: no shell, no packages, no root. `make image` builds it, with whatever there is.

# BASE has Go, a shell with the usual tools, and a CA bundle. Give a mirror's name here, with a digest where builds must not change.
ARG BASE=docker.io/library/golang:1.26-bookworm
FROM --platform=$BUILDPLATFORM ${BASE} AS build
WORKDIR /src

# How modules are found. A vendor directory, where there is one, is used instead.
ARG GOPROXY=
ARG GOSUMDB=
ARG GOFLAGS=
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOMODCACHE=/cache/modules GOCACHE=/cache/build

# What is compiled is the same whoever builds it, wherever: .dockerignore lets in what the binary is made of, and neither
# paths nor the state of the working tree are written into it.
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=devel
RUN --mount=type=cache,target=/cache \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=$VERSION" -o /image/vmgroup-controller .

# All that is in the image, with times that are the same in each build: those of now would make another image.
ARG SOURCE_DATE_EPOCH=0
RUN mkdir -p /image/etc/ssl/certs && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ && \
    find /image -exec touch -d "@$SOURCE_DATE_EPOCH" {} +

FROM scratch
ARG VERSION=devel
LABEL org.opencontainers.image.title="vmgroup-controller" \
      org.opencontainers.image.description="Keeps groups of vSphere virtual machines at the size that is asked for" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=build /image /
USER 65532:65532
ENTRYPOINT ["/vmgroup-controller"]
