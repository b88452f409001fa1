/**
 * A recording beside the line. This example shows how to:
 *  1. copy what passes a point of a pipeline into a file, while it goes on to the players;
 *  2. let a slow or broken disk cost the recording, never the stream;
 *  3. wire the branch from stages: its timestamps start at 0.
 *
 *   npm run build && node dist/examples/tap-recording.js [FOLDER [PORT]]
 *   ffmpeg -re -i film.flv -c copy -f flv rtmp://127.0.0.1/live/film
 *
 * record() does this too, and retries after errors: see record.ts.
 */
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, flvFile, LiveStreams, safeRecordPath, tap, timestampRepair } from 'rtmpipe'

const [folder = 'recordings', port = '1935'] = process.argv.slice(2)
const lives = new LiveStreams()

const server = createServer(session => {
  session.on('publish', async publish => {
    const input = await lives.publish(publish.path)
    const file = flvFile(safeRecordPath(folder, publish))
    const branch = timestampRepair({ rebase: true })
    pipeline(branch, file, error => console.log(`recorded ${file.path} ${error?.message ?? ''}`))
    const line = tap(branch)
    line.on('gap', (_, { items }) => console.log(`the disk is slow: ${items} messages left out`))
    line.on('left', (_, error) => console.log(`no longer recorded: ${error.message}`))
    pipeline(publish.accept(), line, input, error => console.log(`unpublished ${error?.message ?? ''}`))
  })
  session.on('play', async play => pipeline(await lives.play(play.path), play.accept(), () => {}))
})
server.on('sessionError', error => console.log(error.message))

server.listen(Number(port), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
