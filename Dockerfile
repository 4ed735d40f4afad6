FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY protocol protocol
COPY config config
COPY broker broker
COPY bridge bridge
COPY client client
COPY devices devices
COPY cli cli
COPY scripts/bundle-client.js scripts/
RUN npm run build

FROM node:20-bookworm-slim
ENV NODE_ENV=production FOYER_HOST=0.0.0.0 FOYER_DATA_DIR=/data
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts: what is needed was built above.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY --from=build /app/dist dist
RUN ln -s /app/dist/cli/main.js /usr/local/bin/foyer && mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 1883 8080
HEALTHCHECK --interval=10s --start-period=30s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["foyer"]
CMD ["serve"]
