FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npx tsc -p tsconfig.build.json && npm prune --no-save --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
# Each server gets the client tools of its own major, from PostgreSQL's own archive: older ones cannot dump it, and an older server
# does not understand all that a newer pg_restore says.
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates git postgresql-common \
  && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y \
  && apt-get install -y --no-install-recommends postgresql-client-14 postgresql-client-15 postgresql-client-16 postgresql-client-17 \
       postgresql-client-18 \
  && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production PURSER_DATA_DIR=/data PURSER_CONFIG=/etc/purser/purser.yaml
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
# Not through npm: signals must reach the program, which then finishes what it holds.
CMD ["node", "--enable-source-maps", "dist/main.js"]
