import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

/** The floors of ARCHITECTURE.md: imports point down. */
const lib = new URL('../../lib/', import.meta.url)

interface File {
  readonly path: string
  readonly folder: string
  readonly imports: readonly string[]
}

const files: File[] = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.ts'))
  .map(path => {
    const source = readFileSync(new URL(path, lib), 'utf8')
    const imports = [...source.matchAll(/(?:from|import) '([^']+)'/g)].map(([, target]) => {
      if (!target!.startsWith('.')) return target!
      return new URL(target!, new URL(path, lib)).href.slice(lib.href.length)
    })
    return { path, folder: path.includes('/') ? path.split('/')[0]! : '', imports }
  })

const everyone = ['errors.ts', 'limits.ts', 'status.ts']
const isStreamFile = ({ imports }: File) =>
  imports.some(target => target.startsWith('stream/') || target === 'readable-stream')

/** What the codec files of a folder may import besides their own folder. */
const codecs: Record<string, readonly RegExp[]> = {
  bytes: [/^node:(buffer|crypto)$/],
  crypto: [/^node:(buffer|crypto)$/, /^bytes\//],
  amf: [/^bytes\//],
  handshake: [/^node:(crypto|zlib)$/, /^bytes\//, /^crypto\//],
  // the bytes of a handshake are acknowledged too
  chunk: [/^bytes\//, /^message\/message\.ts$/, /^handshake\/packets\.ts$/],
  message: [/^bytes\//, /^amf\//],
  media: [/^bytes\//, /^amf\//, /^message\/(message|data|metadata)\.ts$/],
  rtmfp: [/^node:(buffer|crypto|net)$/, /^bytes\//, /^crypto\//, /^message\/(message|user-control-event)\.ts$/],
  rtws: [/^bytes\//, /^message\/message\.ts$/, /^rtmfp\/(wire|flow|flow-mapping)\//],
  'go-live': [/^node:crypto$/],
  live: [/^bytes\//, /^media\//, /^message\/message\.ts$/],
  // a recording's index holds keyframes
  flv: [
    /^bytes\//,
    /^amf\//,
    /^message\/(message|data|metadata)\.ts$/,
    /^media\/(media-state|random-access|tags\/video-tag)\.ts$/
  ]
}

t.test(
  'errors imports the statuses; limits, clock and the statuses import nothing, channels nothing of the library',
  async t => {
    const own = files.filter(({ path }) => [...everyone, 'clock.ts'].includes(path))
    for (const { path, imports } of own) t.same(imports, path === 'errors.ts' ? ['status.ts'] : [], path)
    const channels = files.find(({ path }) => path === 'channels.ts')
    t.same(channels?.imports, ['node:diagnostics_channel', 'node:util'])
  }
)

t.test('codec files are pure: no streams, no clock, and only what lies below', async t => {
  for (const file of files) {
    const allowed = codecs[file.folder]
    if (allowed === undefined || isStreamFile(file)) continue
    const wrong = file.imports.filter(
      target =>
        !everyone.includes(target) &&
        !target.startsWith(`${file.folder}/`) &&
        !allowed.some(pattern => pattern.test(target))
    )
    t.same(wrong, [], file.path)
    t.notMatch(
      readFileSync(new URL(file.path, lib), 'utf8'),
      /Date\.now|setTimeout|setInterval|performance\./,
      `${file.path}: no clock`
    )
  }
})

t.test('codec files import no stream file of their own folder', async t => {
  const streamFiles = new Set(files.filter(isStreamFile).map(({ path }) => path))
  for (const file of files.filter(each => each.folder in codecs && !isStreamFile(each))) {
    t.same(
      file.imports.filter(target => streamFiles.has(target) || target === 'node:stream'),
      [],
      file.path
    )
  }
})

t.test('the joints know no protocol', async t => {
  for (const { path, folder, imports } of files.filter(each => each.folder === 'stream')) {
    const allowed = ['readable-stream', 'pumpify', 'node:events', 'node:stream', 'errors.ts']
    t.same(
      imports.filter(target => !allowed.includes(target) && !target.startsWith(`${folder}/`)),
      [],
      path
    )
  }
})

t.test('one file is the door to pumpify, one to jsonc-parser and one to UDP', async t => {
  for (const [door, only] of [
    ['pumpify', 'stream/chain.ts'],
    ['jsonc-parser', 'app/config.ts'],
    ['node:dgram', 'transport/rtmfp/udp-socket.ts']
  ] as const) {
    const through = files.filter(({ imports }) => imports.includes(door)).map(({ path }) => path)
    t.same(through, [only], door)
  }
})

t.test('the session never reaches under the waist, the transport never above it', async t => {
  const forbidden: Record<string, RegExp> = {
    auth: /^(chunk|handshake|transport|flv|live|app|server|client)/,
    live: /^(chunk|handshake|transport|session|auth|flv|app|server|client)/,
    session: /^(chunk|handshake|transport|flv|crypto|app|server|client)/,
    transport: /^(session|auth|http|flv|app|server|client)/,
    http: /^(chunk|handshake|transport|auth|ws|app|server|client)/,
    ws: /^(session|auth|flv|app|server|client)/
  }
  for (const { path, folder, imports } of files.filter(each => each.folder in forbidden)) {
    const wrong = imports.filter(target => forbidden[folder]!.test(target))
    t.same(wrong, [], path)
  }
})

t.test('what a wire is stands above its kinds: sessions and doors know no other', async t => {
  const only = ['live/message-batch.ts', 'message/message.ts', 'stream/typed.ts']
  t.same(files.find(({ path }) => path === 'wire.ts')?.imports, only)
  const knows = files.filter(({ imports }) => imports.includes('transport/message-wire.ts'))
  t.same(knows.map(({ path }) => path).sort(), ['index.ts', 'transport/dial.ts', 'transport/wire-server.ts'])
})

t.test('within RTMFP imports point down too', async t => {
  const floors: Record<string, readonly string[]> = {
    wire: ['wire'],
    crypto: ['wire', 'crypto'],
    flow: ['wire', 'flow'],
    'flow-mapping': ['wire', 'flow', 'flow-mapping'],
    session: ['wire', 'crypto', 'session']
  }
  for (const { path, imports } of files) {
    const [, folder] = /^rtmfp\/([^/]+)\//.exec(path) ?? []
    if (folder === undefined) continue
    const wrong = imports.filter(target => {
      const [, floor] = /^rtmfp\/([^/]+)/.exec(target) ?? []
      return floor !== undefined && !floors[folder]!.includes(floor)
    })
    t.same(wrong, [], path)
  }
})

t.test('the app, inspect and metrics are made of the public parts alone', async t => {
  const parts = ['index.ts', 'inspect/index.ts', 'ws/index.ts', 'api/index.ts', 'metrics/index.ts', 'jsonc-parser']
  for (const { path, folder, imports } of files.filter(each => ['app', 'inspect', 'metrics'].includes(each.folder))) {
    const wrong = imports.filter(
      target =>
        !parts.includes(target) &&
        !target.startsWith(`${folder}/`) &&
        !target.startsWith('node:') &&
        !(folder === 'metrics' && target === 'prom-client') &&
        !(folder === 'inspect' && target === 'rtmfp/index.ts')
    )
    t.same(wrong, [], path)
  }
})

t.test('the client of the API stands alone: it runs in browsers too', async t => {
  for (const { path, imports } of files.filter(({ folder }) => folder === 'api'))
    t.ok(
      imports.every(target => target.startsWith('api/')),
      path
    )
})

t.test(
  'the library loads neither the app nor inspect, nor metrics, nor the client of the API, and no optional package',
  async t => {
    const rest = files.filter(({ folder }) => !['app', 'inspect', 'api', 'ws', 'metrics'].includes(folder))
    for (const { path, imports } of rest)
      t.same(
        imports.filter(target => /^(app|inspect|api|ws|metrics)(\/|$)/.test(target)),
        [],
        path
      )
  }
)

t.test('no file imports itself by way of others, types included', async t => {
  const importsOf = new Map(files.map(({ path, imports }) => [path, imports]))
  const done = new Set<string>()
  const visit = (path: string, way: readonly string[]) => {
    if (way.includes(path)) t.fail([...way.slice(way.indexOf(path)), path].join(' -> '))
    else if (!done.has(path)) for (const target of importsOf.get(path) ?? []) visit(target, [...way, path])
    done.add(path)
  }
  for (const { path } of files) visit(path, [])
  t.pass('no circle')
})

t.test('no console, no globals', async t => {
  for (const { path } of files) {
    // the examples in docstrings are those of applications
    const code = readFileSync(new URL(path, lib), 'utf8').replace(/^ *\* .*$/gm, '')
    t.notMatch(code, /\bconsole\.|globalThis/, path)
  }
})

t.test('the map of ARCHITECTURE.md lists what lib has', async t => {
  const architecture = readFileSync(new URL('../../ARCHITECTURE.md', import.meta.url), 'utf8')
  const listed = /^lib\/\n(?: .*\n)+/m.exec(architecture)![0].matchAll(/^ {2}(?! )(\S+)/gm)
  const own = readdirSync(lib).map(name => (name.includes('.') ? name : `${name}/`))
  t.same([...listed].map(([, name]) => name).sort(), own.sort())
})
