/** The arrows between the folders: docs/architecture.md explains each; nothing else may be imported. */
const folder = (name) => `^${name}/`

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    // Pure and browser-safe: no module of Node, no package, nothing of ours.
    { name: 'protocol-imports-protocol-only', severity: 'error', from: { path: folder('protocol') }, to: { pathNot: folder('protocol') } },
    { name: 'config-imports-protocol-only', severity: 'error', from: { path: folder('config') }, to: { path: '^(broker|bridge|client|devices|cli|test|bench)/' } },
    { name: 'broker-imports-config-and-protocol', severity: 'error', from: { path: folder('broker') }, to: { path: '^(bridge|client|devices|cli|test|bench)/' } },
    { name: 'bridge-enters-broker-by-its-front-door', severity: 'error', from: { path: folder('bridge'), pathNot: folder('bridge/web') }, to: { path: '^(client|devices|cli|test|bench)/|^broker/(?!index\\.ts$)' } },
    // For browsers: no module of Node. Its packages are in what the build makes of it.
    { name: 'web-imports-client-and-protocol', severity: 'error', from: { path: folder('bridge/web'), pathNot: '^bridge/web/vite\\.config\\.js$' }, to: { pathNot: '^(bridge/web|client|protocol)/|(^|/)node_modules/(preact|uplot)/' } },
    { name: 'only-tests-import-web', severity: 'error', from: { pathNot: '^(bridge/web|test)/' }, to: { path: folder('bridge/web') } },
    // For browsers, too: no module of Node, and one package.
    { name: 'client-imports-protocol-and-mqtt', severity: 'error', from: { path: folder('client') }, to: { pathNot: '^(client|protocol)/|(^|/)node_modules/mqtt/' } },
    { name: 'devices-import-client-and-protocol', severity: 'error', from: { path: folder('devices') }, to: { path: '^(config|broker|bridge|cli|test|bench)/' } },
    { name: 'only-the-control-plane-knows-aedes', severity: 'error', from: { path: '^(protocol|config|broker|bridge|client|devices|cli)/', pathNot: '^broker/aedes/' }, to: { path: 'node_modules/aedes/' } },
    { name: 'nothing-of-the-product-imports-tests', severity: 'error', from: { path: '^(protocol|config|broker|bridge|client|devices|cli)/' }, to: { path: '^(test|bench)/' } },
    { name: 'no-dev-dependencies-in-the-product', severity: 'error', from: { path: '^(protocol|config|broker|bridge|client|devices|cli)/', pathNot: folder('bridge/web') }, to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } }
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] }
  }
}
