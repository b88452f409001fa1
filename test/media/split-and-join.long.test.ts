import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { joinTracks } from 'rtmpipe'
import t from 'tap'
import { type Found, readByFfmpeg8, withoutFfmpeg8 } from '../support/ffmpeg8.ts'
import { film, folder } from '../support/films.ts'
import { LiveServer } from '../support/live-server.ts'
import { publishers } from '../support/players.ts'
import { without } from '../support/programs.ts'

const skip = without('ffmpeg') || withoutFfmpeg8()

t.test('FFmpeg 8 plays in one stream what three ffmpegs publish', { skip }, async t => {
  const home = folder(t)
  const all = [
    { size: '320x240', video: 0, audio: 0 },
    { size: '160x120', video: 1, audio: 2 },
    { size: '80x60', video: 5 }
  ].map(each => ({ ...each, path: film(join(home, `${each.size}.flv`), { size: each.size }) }))
  const server = new LiveServer(t, { live: { holdMs: 100 } })
  const url = `${await server.listen()}/live`
  const joined = joinTracks(
    all.map(({ size, video, audio }) => ({
      source: server.at(`live/${size}`).subscribe(),
      video,
      ...(audio !== undefined && { audio })
    }))
  )
  const ended = pipeline(joined, server.at('live/all').input())
  const played = readByFfmpeg8(t, `${url}/all?tracks=all`)
  await server.happens('play live/all')
  await Promise.all(all.map(({ size, path }) => publishers.ffmpeg(t, path, `${url}/${size}`).ends()))
  const expected: Found[] = []
  for (const { path, ...ids } of all) {
    for (const found of await readByFfmpeg8(t, path)) {
      const track = ids[found.kind]
      if (track !== undefined) expected.push({ ...found, track })
    }
  }
  const inOrder = (found: readonly Found[]) =>
    [...found].sort((a, b) => a.kind.localeCompare(b.kind) || a.track - b.track)
  t.same(inOrder(await played), inOrder(expected))
  await ended
})
