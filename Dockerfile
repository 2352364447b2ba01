# porthole alone, to be copied from: COPY --from=porthole:probe /porthole /porthole
#
# `make image` builds it in all flavours; by hand, after `make static`:
#
#   docker build -t porthole .
#   docker build -t porthole:probe --build-arg BINARY=porthole-probe --build-arg LICENCES=MIT .
FROM scratch
ARG BINARY=porthole
# For another processor: where its binaries are.
ARG FOLDER=target/static
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
# Where the texts of the licences are, which the image, porthole alone, does not carry: LICENSES.txt of the release.
ARG DOCUMENTATION=unknown
# Of all that is in the binary; of porthole-probe all of it is MIT.
ARG LICENCES="MIT AND Apache-2.0 AND ISC AND BSD-3-Clause"
LABEL org.opencontainers.image.title="porthole" \
      org.opencontainers.image.description="Health checks and inspection for container images without a shell" \
      org.opencontainers.image.licenses="${LICENCES}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.documentation="${DOCUMENTATION}"
COPY ${FOLDER}/${BINARY} /porthole
# The kubelet takes only the user from the line below, and the group from this file: without it,
# porthole would run as 65532:0 there, and could not look into an application of 65532:65532.
COPY scripts/image.passwd /etc/passwd
# By number, because runAsNonRoot of Kubernetes accepts no name.
USER 65532:65532
ENTRYPOINT ["/porthole"]
