/** The tables of docs/ that are made from the source. `npm run docs` writes them; docs.test.ts fails when they are stale. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { defaultLimits, errorCodes } from 'rtmpipe'
import { metricDescriptions } from '../../lib/metrics/metric-table.ts'

const BETWEEN = /(<!-- generated from [^>]*-->\n)[\s\S]*?(<!-- \/generated -->)/

/** Each page with a generated part, as it should be now. */
export function generatedPages(): Map<string, string> {
  const tables = new Map([
    ['docs/limits.md', limitsTable()],
    ['docs/errors.md', errorsTable()],
    ['docs/metrics.md', metricsTable()]
  ])
  return new Map(
    [...tables].map(([path, table]) => [
      path,
      readFileSync(path, 'utf8').replace(BETWEEN, (_, begin, end) => `${begin}\n${table}\n\n${end}`)
    ])
  )
}

/** Each limit with its default, its docstring and the errors whose message names it. */
function limitsTable(): string {
  const source = readFileSync('lib/limits.ts', 'utf8')
  const rows = Object.entries(defaultLimits).map(([name, value]) => {
    const [, docstring = ''] =
      new RegExp(String.raw`/\*\*((?:(?!\*/)[\s\S])*)\*/\s+readonly ${name}: number`).exec(source) ?? []
    const text = docstring.replace(/\s*\n\s*\* ?/g, ' ').trim()
    const codes = Object.entries(errorCodes).filter(([, message]) => new RegExp(`limits\\.${name}\\b`).test(message))
    return [`\`${name}\``, shown(name, value), text, codes.map(([code]) => `\`${code}\``).join(', ')]
  })
  return table(['limit', 'default', 'meaning', 'error'], rows)
}

function shown(name: string, value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'none'
  if (name.endsWith('Bytes')) return value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : `${value / 2 ** 10} KiB`
  return `${value.toLocaleString('en')}${name.endsWith('Ms') ? ' ms' : ''}`
}

/** Each code with its message, and the class and layer that the source makes it with. */
function errorsTable(): string {
  const files = readdirSync('lib', { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && path !== 'errors.ts')
    .sort()
    .map(path => readFileSync(join('lib', path), 'utf8'))
  const rows = Object.entries(errorCodes).map(([code, message]) => {
    const found = files.flatMap(source => makersOf(code, source, files))
    return [`\`${code}\``, message, [...new Set(found)].sort().join(', ')]
  })
  return table(['code', 'message', 'class, and layer of a ProtocolError'], rows)
}

/** `ProtocolError chunk`, `RtmpError`: how a code is made in one file, at once or by a function that is given it. */
function makersOf(code: string, source: string, files: readonly string[]): string[] {
  if (code === 'ERR_RTMP_REFUSED') return ['Refused']
  const calls = source.matchAll(new RegExp(`([\\w#.]+)\\((?:[^()\\n]*, )?'${code}'(?:, \\{\\s*layer: ([^,]+),)?`, 'g'))
  return [...calls].flatMap(([, maker, layer]) => {
    if (maker === 'RtmpError') return ['RtmpError']
    if (maker === 'ProtocolError') return [protocolError(layer)]
    const name = maker!.replace('this.', '')
    const made = new RegExp(`${name}\\b(?:[^;](?!\\n\\n))*?new ProtocolError\\(code, \\{\\s*layer: ([^,]+),`)
    const [, by] = made.exec(source) ?? files.map(file => made.exec(file)).find(Boolean) ?? []
    return by === undefined ? [] : [protocolError(by)]
  })
}

/** Each metric, with its labels. */
function metricsTable(): string {
  const rows = metricDescriptions.map(({ name, type, help, labels }) => {
    const shown = labels.length === 0 ? name : `${name}{${labels.join()}}`
    return [`\`${shown}\``, type, help]
  })
  return table(['metric', 'type', 'meaning'], rows)
}

const protocolError = (layer = ''): string =>
  layer.startsWith("'") ? `ProtocolError ${layer.slice(1, -1)}` : 'ProtocolError of the layer that reads the value'

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n')

if (argv[1] === fileURLToPath(import.meta.url)) for (const [path, text] of generatedPages()) writeFileSync(path, text)
