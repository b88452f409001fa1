import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { safeRecordPath } from 'rtmpipe'
import t from 'tap'
import { folder } from './support/films.ts'
import { holds } from './support/property.ts'

const at = new Date('2026-11-22T12:00:00Z')

t.test('a name becomes a path below the root, and its folders are made', async t => {
  const root = join(folder(t), 'recordings')
  t.equal(safeRecordPath(root, { path: 'live/film' }, { at }), join(root, 'live', 'film-20261122T120000.000Z.flv'))
  t.ok(existsSync(join(root, 'live')))
  t.equal(
    safeRecordPath(root, { path: 'film' }, { at, extension: '.part' }),
    join(root, 'film-20261122T120000.000Z.part')
  )
  t.equal(safeRecordPath(root, { path: 'a/b/žluť' }, { at }), join(root, 'a/b/žluť-20261122T120000.000Z.flv'))
})

const stamp = '-20261122T120000.000Z.flv'

t.test('what no name of a file can have, or what means something to a file system, is encoded', async t => {
  const root = folder(t)
  const names: [string, string][] = [
    ['live/a:b', 'live/a%3Ab'],
    ['C:film', 'C%3Afilm'],
    ['live\\film', 'live%5Cfilm'],
    ['\\\\host\\share', '%5C%5Chost%5Cshare'],
    ['a<b>|"*?', 'a%3Cb%3E%7C%22%2A%3F'],
    ['film\0', 'film%00'],
    ['film\n', 'film%0A'],
    ['\u001b[2J\u007f\u0085', '%1B[2J%7F%C2%85'],
    ['a%3Ab', 'a%253Ab'],
    ['..', '.%2E'],
    ['../film', '.%2E/film'],
    ['live/../../etc/passwd', 'live/.%2E/.%2E/etc/passwd'],
    ['.', '%2E'],
    ['... /film', '...%20/film'],
    ['live./film ', 'live%2E/film%20'],
    ['', '%empty'],
    ['/', '%empty/%empty'],
    ['/etc/passwd', '%empty/etc/passwd'],
    ['live//film', 'live/%empty/film'],
    ['con/Aux.h/nul', '%63on/%41ux.h/%6Eul'],
    ['console/com', 'console/com'],
    ['1/2/3/4/5/6/7/8', '1/2/3/4/5/6/7/8'],
    ['1/2/3/4/5/6/7/8/9/..', '1/2/3/4/5/6/7/8%2F9%2F.%2E'],
    ['..film/ž', '..film/ž']
  ]
  for (const [path, name] of names)
    t.equal(safeRecordPath(root, { path }, { at }), join(root, `${name}${stamp}`), JSON.stringify(path))
})

t.test('a name that is too long is cut, between characters, and ends in a hash of all of it', async t => {
  const root = folder(t)
  const of = (path: string) => safeRecordPath(root, { path }, { at }).slice(root.length + 1, -stamp.length)
  const room = 255 - stamp.length
  t.equal(of('a'.repeat(room)), 'a'.repeat(room))
  for (const path of ['a'.repeat(300), 'ž'.repeat(200), ':'.repeat(200), '📹'.repeat(100), 'a/'.repeat(140)]) {
    const name = of(path).split('/').at(-1)!
    t.match(name, /^(a|ž|%3A|📹|a%2F)+%~[0-9a-f]{16}$/)
    t.ok(Buffer.byteLength(name) <= room && Buffer.byteLength(name) > room - 4, `${Buffer.byteLength(name)} bytes`)
  }
  t.not(of(`${'a'.repeat(300)}b`), of(`${'a'.repeat(300)}c`))
  t.match(of(`${'a'.repeat(300)}/film`), /^a{237}%~[0-9a-f]{16}\/film$/, 'a folder too')
})

t.test('any name has a path of its own, below the root, in which a file can be made', async t => {
  const root = folder(t)
  const paths = new Map<string, string>()
  const part = fc.oneof(
    fc.constantFrom('', '.', '..', 'a', 'A', '%', '%2E', '%empty', '%~', ':', '\\', 'nul', 'a ', 'a'.repeat(300)),
    fc.string({ unit: 'binary', maxLength: 4 })
  )
  holds(
    t,
    'names',
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 12 }).map(parts => parts.join('/')),
      path => {
        const made = safeRecordPath(root, { path }, { at })
        const known = paths.get(made)
        paths.set(made, path)
        writeFileSync(made, '')
        return made === join(root, made.slice(root.length)) && (known === undefined || known === path)
      }
    ),
    { numRuns: 500 }
  )
})

t.test('a folder that cannot be made is an error, and none is tried for ever', async t => {
  const home = folder(t)
  writeFileSync(join(home, 'file'), '')
  for (const [root, code] of [
    [join(home, 'file'), 'EEXIST'],
    [join(home, 'file', 'rec'), 'ENOTDIR'],
    // where Node's own mkdir, recursive, does not come back
    ...(process.platform === 'linux' ? ([['/proc/rec', 'ENOENT']] as const) : [])
  ] as const)
    t.throws(() => safeRecordPath(root, { path: 'live/film' }), { code })
})

t.test('a link that leads out of the root is not followed', async t => {
  const home = folder(t)
  const root = join(home, 'recordings')
  mkdirSync(join(root, 'within'), { recursive: true })
  mkdirSync(join(home, 'outside'))
  symlinkSync(join(home, 'outside'), join(root, 'out'))
  symlinkSync(join(root, 'within'), join(root, 'in'))
  symlinkSync(`${root}-evil`, join(root, 'dangling'))
  mkdirSync(`${root}-near`)
  symlinkSync(`${root}-near`, join(root, 'near'))
  for (const path of ['out/film', 'out/a/film', 'near/film', 'dangling/film'])
    t.throws(() => safeRecordPath(root, { path }, { at }), path)
  t.throws(() => safeRecordPath(root, { path: 'out/film' }, { at }), RangeError)
  t.notOk(existsSync(join(home, 'outside', 'a')), 'nothing is made there')
  t.notOk(existsSync(`${root}-evil`))
  t.doesNotThrow(() => safeRecordPath(root, { path: 'in/film' }, { at }), 'a link within it is')
  symlinkSync(root, join(home, 'alias'))
  t.doesNotThrow(() => safeRecordPath(join(home, 'alias'), { path: 'live/film' }, { at }), 'the root may be one')
})
