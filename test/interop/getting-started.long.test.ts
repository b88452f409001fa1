import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { film, folder, packets } from '../support/films.ts'
import { freePort } from '../support/nginx.ts'
import { players, publishers } from '../support/players.ts'
import { Program, without } from '../support/programs.ts'

/** docs/getting-started.md as a newcomer follows it, with the package as `npm pack` makes it, and TypeScript of today. */
const page = readFileSync('docs/getting-started.md', 'utf8')
const block = (heading: string, language: string): string => {
  const [, code] = new RegExp(`${heading}[^]*?\`\`\`${language}\\n([^]*?)\`\`\``).exec(page) ?? []
  if (code === undefined) throw new Error(`there is no ${language} behind ${heading}`)
  return code
}
/** tap's loader, which every child inherits by its environment, cannot load the compiler. */
const run = (command: string, cwd: string) =>
  execFileSync('env', ['-u', 'NODE_OPTIONS', 'sh', '-ec', command], { cwd, encoding: 'utf8', stdio: 'pipe' })

t.test('a project from nothing', { skip: without('ffmpeg') }, async t => {
  const home = folder(t)
  const port = await freePort()
  const pack = ['pack', '--ignore-scripts', '--pack-destination', home, '--json']
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { encoding: 'utf8' }))
  const setUp = block('A TypeScript project from nothing', 'sh')
  run(setUp.replace('npm install rtmpipe', `npm install ${join(home, filename)}`), home)
  const project = join(home, 'live')
  writeFileSync(join(project, 'tsconfig.json'), block('`tsconfig.json`', 'json'))
  writeFileSync(join(project, 'server.ts'), block('`server.ts`', 'ts').replace('listen(1935', `listen(${port}`))
  const [compile, ...start] = block('Compile it and run it', 'sh').trim().split('\n')
  run(compile!, project)
  t.equal(start.join(), 'node dist/server.js')

  const program = new Program(t, process.execPath, [join(project, 'dist/server.js')])
  await program.says(/listening/)
  const source = film(join(home, 'film.flv'), { seconds: 10 })
  const url = `rtmp://127.0.0.1:${port}/live/film`
  const player = players.ffmpeg(t, url)
  await publishers.ffmpeg(t, source, url).ends()
  const got = await player.packets()
  t.ok(got.length > 25)
  t.same(got, packets(source).slice(-got.length))
})
