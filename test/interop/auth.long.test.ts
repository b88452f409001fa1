import { join } from 'node:path'
import { type AuthSchemeName, authenticate, type ServerSession } from 'rtmpipe'
import t from 'tap'
import { film, folder, packets, packetsOf } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { players, publishers } from '../support/players.ts'
import { type Program, without } from '../support/programs.ts'

/** Real encoders prove a password, each step on a connection of its own. */
t.jobs = 3
const skip = without('ffmpeg', 'gst-launch-1.0')
const options = { skip, buffered: true }

type Scope = Parameters<typeof folder>[0]
type Publishes = (t: Scope, file: string, host: string, user: string, password: string) => Program

const ffmpeg: Publishes = (t, file, host, user, password) =>
  publishers.ffmpeg(t, file, `rtmp://${user}:${password}@${host}/live/film`)
const rtmp2sink =
  (...more: string[]): Publishes =>
  (t, file, host, user, password) =>
    publishers.rtmp2sink(t, file, `rtmp://${host}/live/film`, `username=${user}`, `password=${password}`, ...more)
const rtmpsink: Publishes = (t, file, host, user, password) =>
  publishers.rtmpsink(t, file, `rtmp://${host}/live/film`, `pubUser=${user}`, `pubPasswd=${password}`)

/** No librtmp with authmod=adobe: Debian's breaks its own heap there, for GnuTLS's base64 does not end the strings it prints. */
const encoders: [name: string, Publishes, AuthSchemeName, says: RegExp][] = [
  ['ffmpeg', ffmpeg, 'adobe', /Incorrect username\/password/],
  ['ffmpeg', ffmpeg, 'llnw', /Incorrect username\/password/],
  ['rtmp2sink', rtmp2sink(), 'adobe', /wrong credentials/],
  ['rtmp2sink that knows the scheme', rtmp2sink('authmod=adobe'), 'adobe', /wrong credentials/],
  ['rtmpsink', rtmpsink, 'llnw', /Could not connect/]
]

for (const [name, publishes, scheme, says] of encoders) {
  t.test(`${name}, authmod=${scheme}`, { ...options }, async t => {
    const home = folder(t)
    const source = film(join(home, 'film.flv'), { seconds: 2 })
    const sessions: ServerSession[] = []
    const listener = authenticate({ scheme, password: user => (user === 'ada@example.org' ? 'p+w=' : undefined) })
    const server = new LiveServer(t, {
      live: { holdMs: 100 },
      prepare(session) {
        sessions.push(session)
        session.on('connect', listener)
      }
    })
    const host = (await server.listen()).replace('rtmp://', '')
    const received = server.received('live/film')
    const good = publishes(t, source, host, 'ada@example.org', 'p+w=')
    await server.happens('unpublish live/film')
    t.equal(sessions.at(-1)?.connection?.user, 'ada@example.org')
    t.equal((await good.ends()).code, 0)
    t.same(server.events.slice(0, 1), ['publish live/film?'], 'nothing of it is left in the query')
    t.equal(sessions.length, name.includes('knows') ? 2 : 3)
    const [got, sent] = [packetsOf(await received, home), packets(source)]
    if (name === 'ffmpeg') t.same(got, sent, 'the film has come')
    else t.same(frames(got), frames(sent), 'the film has come')
    for (const [user, password] of [
      ['ada@example.org', 'wrong'],
      ['eve', 'p+w=']
    ] as const) {
      const bad = publishes(t, source, host, user, password)
      t.not((await bad.ends()).code, 0)
      t.match(bad.said, says, `${name} says so`)
    }
    t.equal(server.events.filter(event => event.startsWith('publish')).length, 1)
  })
}

/** Packets without times and order, for GStreamer's muxer has its own. */
const frames = (lines: readonly string[]): string[] =>
  lines.map(line => [line.split(',')[0], ...line.split(',').slice(4, 6)].join(' ')).sort()

t.test('a player proves it too', { ...options }, async t => {
  const source = film(join(folder(t), 'film.flv'), { seconds: 2 })
  const listener = authenticate({ password: () => 'pw' })
  const server = new LiveServer(t, { live: { holdMs: 100 }, prepare: session => session.on('connect', listener) })
  const host = (await server.listen()).replace('rtmp://', '')
  const player = players.ffmpeg(t, `rtmp://ada:pw@${host}/live/film`)
  const stranger = players.ffmpeg(t, `rtmp://${host}/live/film`)
  await server.happens('play live/film')
  t.equal((await ffmpeg(t, source, host, 'bob', 'pw').ends()).code, 0)
  t.same(await player.packets(), packets(source))
  t.same(await stranger.packets(), [])
  t.match(stranger.program.said, /No credentials set/)
})
