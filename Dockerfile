# porthole alone, to be copied from: COPY --from=porthole:probe /porthole /porthole
#
# `make image` builds it in both flavours; by hand, after `make static`:
#
#   docker build -t porthole .
#   docker build -t porthole:probe --build-arg BINARY=porthole-probe .
FROM scratch
ARG BINARY=porthole
# For another processor: where its binaries are.
ARG FOLDER=target/static
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="porthole" \
      org.opencontainers.image.description="Health checks and a look inside for container images without a shell" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY ${FOLDER}/${BINARY} /porthole
# By number: there is no /etc/passwd, and Kubernetes' runAsNonRoot wants a number.
USER 65532:65532
ENTRYPOINT ["/porthole"]
