import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { safeRecordPath } from 'rtmpipe'
import t from 'tap'
import { folder } from './support/films.ts'

const at = new Date('2026-11-22T12:00:00Z')

t.test('a name becomes a path below the root, and its folders are made', async t => {
  const root = join(folder(t), 'recordings')
  t.equal(safeRecordPath(root, { path: 'live/film' }, { at }), join(root, 'live', 'film-20261122T120000.000Z.flv'))
  t.ok(existsSync(join(root, 'live')))
  t.equal(
    safeRecordPath(root, { path: 'film' }, { at, extension: '.part' }),
    join(root, 'film-20261122T120000.000Z.part')
  )
  t.equal(safeRecordPath(root, { path: 'a/b/žluť %2e' }, { at }), join(root, 'a/b/žluť %2e-20261122T120000.000Z.flv'))
})

t.test('names that are refused', async t => {
  const root = folder(t)
  const names = [
    ...[
      '',
      '/',
      '//',
      '/etc/passwd',
      'live/',
      'live//film',
      '..',
      '../film',
      'live/..',
      'live/../film',
      'live/../../etc/passwd',
      '.',
      'live/./film',
      '.. /film',
      '... /film',
      '.../film',
      'live./film',
      'live /film'
    ],
    ...[
      'live\\film',
      '..\\film',
      'live/..\\..\\film',
      '\\\\host\\share',
      'C:film',
      'C:\\film',
      'live/c:film',
      'film:stream'
    ],
    ...['film\0', 'live/fi\0lm', 'film\n', 'film\r', 'film\u007f', '\u001b[2J'],
    ...['a'.repeat(256), `live/${'a'.repeat(251)}`, 'ž'.repeat(128), `${'a/'.repeat(127)}film`, 'a'.repeat(240)]
  ]
  for (const path of names)
    t.throws(() => safeRecordPath(root, { path }, { at }), RangeError, JSON.stringify(path.slice(0, 40)))
  t.doesNotThrow(() => safeRecordPath(root, { path: 'a'.repeat(200) }, { at }))
  t.doesNotThrow(() => safeRecordPath(root, { path: '..film/... ' }, { at }), 'dots that lead nowhere')
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
  t.notOk(existsSync(join(home, 'outside', 'a')), 'nothing is made there')
  t.notOk(existsSync(`${root}-evil`))
  t.doesNotThrow(() => safeRecordPath(root, { path: 'in/film' }, { at }), 'a link within it is')
  symlinkSync(root, join(home, 'alias'))
  t.doesNotThrow(() => safeRecordPath(join(home, 'alias'), { path: 'live/film' }, { at }), 'the root may be one')
})
