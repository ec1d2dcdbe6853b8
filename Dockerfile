# The one image of others that everything here is built on. `npm run pin-base-images` writes the digest that the registry has
# for the tag behind it, as in node:24-bookworm-slim@sha256:…; without one it is whatever the tag names on the day of the build.
ARG BASE_IMAGE=node:24-bookworm-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npx tsc -p tsconfig.build.json && npm prune --no-save --omit=dev --no-audit --no-fund

# The runner of a version's commands, without anything of Purser but that program: docker build --target runner .
# Teams extend it with their toolchain (docs/runner.md).
FROM ${BASE_IMAGE} AS runner
# A program that its user may start but not read shows its memory to none of that user's other processes. So no command can
# look into the runner, or into process 1, and be there for the next one.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git tini \
  && rm -rf /var/lib/apt/lists/* \
  && cp /usr/local/bin/node /usr/local/bin/purser-runner \
  && chmod 0711 /usr/local/bin/purser-runner /usr/bin/tini \
  && mkdir /workspace && chown 64110:64110 /workspace
WORKDIR /opt/purser-runner
COPY --from=build /app/node_modules/zod ./node_modules/zod
COPY --from=build /app/dist/runner ./dist/runner
COPY --from=build /app/dist/adapters/runner ./dist/adapters/runner
COPY --from=build /app/dist/adapters/process ./dist/adapters/process
COPY --from=build /app/dist/outside-text ./dist/outside-text
COPY --from=build /app/dist/errors.js /app/dist/sensitive.js /app/dist/time-limit.js ./dist/
COPY package.json ./
# Nobody else's: the runner ends every process of its user.
USER 64110:64110
# tini collects what commands leave behind. When the runner goes, the container goes, and with it whatever runs in it.
ENTRYPOINT ["tini", "--", "purser-runner", "/opt/purser-runner/dist/runner/main.js"]
CMD ["--socket", "/run/purser-runner/socket", "--workspace", "/workspace", "--scratch", "/tmp", "--scratch", "/dev/shm"]

FROM ${BASE_IMAGE}
# Each server gets the client tools of its own major, from PostgreSQL's own archive: older ones cannot dump it, and an older server
# does not understand all that a newer pg_restore says.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git git-lfs postgresql-common tini \
  && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
  && apt-get install -y --no-install-recommends postgresql-client-14 postgresql-client-15 postgresql-client-16 postgresql-client-17 \
       postgresql-client-18 \
  && rm -rf /var/lib/apt/lists/* \
  # A program that its user may start but not read shows that user nothing of itself: /proc/1/environ keeps what the container
  # was started with.
  && chmod 0711 /usr/bin/tini
ENV NODE_ENV=production PURSER_DATA_DIR=/data PURSER_CONFIG=/etc/purser/purser.yaml
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY scripts/start.sh ./scripts/start.sh
# `purser doctor` looks whether everything fits together, as in `kubectl exec deploy/purser -- purser doctor`.
COPY --chmod=0755 scripts/purser /usr/local/bin/purser
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
# tini collects what git, the tools of PostgreSQL and login helpers leave behind when they are ended, and hands signals on.
ENTRYPOINT ["tini", "--"]
# Not through npm: signals must reach the program, which then finishes what it holds, and npm would keep the environment.
CMD ["sh", "scripts/start.sh"]
