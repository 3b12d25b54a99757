# Ottla in a container, used as the apache/kafka image is: the same ports, volumes, user and KAFKA_* variables.
#
#   docker build -t ottla .
#   docker run -p 9092:9092 -v ottla:/var/lib/kafka/data ottla

FROM node:22-alpine AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts

FROM node:22-alpine
WORKDIR /opt/ottla
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist/cjs dist/cjs
COPY deploy/container/ottla /usr/local/bin/ottla
RUN deluser --remove-home node \
 && adduser -D -u 1000 appuser \
 && mkdir -p /var/lib/kafka/data /mnt/shared/config /etc/kafka/secrets \
 && chown -R appuser /var/lib/kafka /mnt/shared/config /etc/kafka/secrets

ENV NODE_ENV=production
# appuser by its number, by which Kubernetes can tell that it is not root.
USER 1000
# Without log.dirs data go to ./data, the volume.
WORKDIR /var/lib/kafka
VOLUME ["/var/lib/kafka/data", "/mnt/shared/config", "/etc/kafka/secrets"]
EXPOSE 9092 9404
STOPSIGNAL SIGTERM
# If no listener has port 9092 on localhost, OTTLA_BOOTSTRAP_SERVER says where to ask.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["ottla", "healthcheck"]
ENTRYPOINT ["ottla"]
CMD ["start"]
