# docker build -t rtmpipe . && docker run -p 1935:1935 -p 8080:8080 rtmpipe
FROM node:22-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
# the files that are published, with their dependencies as locked, and the optional peers of serve in the versions of the tests
RUN npm pack --silent --pack-destination /tmp \
 && mkdir /app \
 && tar -xzf /tmp/rtmpipe-*.tgz -C /app --strip-components=1 \
 && cp package-lock.json /app \
 && cd /app \
 && npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && peers=$(node -p "['ws', 'prom-client'].map(name => name + '@' + require('./package.json').devDependencies[name]).join(' ')") \
 && npm pkg delete devDependencies peerDependencies peerDependenciesMeta \
 && rm package-lock.json \
 && npm install --no-save --no-package-lock --ignore-scripts --no-audit --no-fund $peers \
 && node -e "['ws', 'prom-client'].map(require.resolve)"

FROM node:22-alpine
ENV NODE_ENV=production
COPY --from=build /app /app
# recordings, and the paths of a configuration file, start here
RUN install -d -o node -g node /var/lib/rtmpipe
WORKDIR /var/lib/rtmpipe
USER node
EXPOSE 1935 8080
# the port of RTMP answers HTTP too, because of RTMPT: any status means that it is served
HEALTHCHECK --interval=30s --timeout=5s --start-period=5s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:1935/').catch(() => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/lib/app/cli.js"]
CMD ["serve", "--host", "0.0.0.0", "--http-host", "0.0.0.0"]
