/**
 * A switcher: several inputs, one output. This example shows how to:
 *  1. wait for the next keyframe of an input, while the output still shows the last one;
 *  2. take over the output: its timestamps continue, and players get the sequence headers of the new input;
 *  3. fall back on another input when the one that is shown ends.
 *
 *   npm run build && node dist/examples/switcher.js [PORT]
 *   ffmpeg -re -i one.flv -c copy -f flv rtmp://127.0.0.1/in/one
 *   ffmpeg -re -i two.flv -c copy -f flv rtmp://127.0.0.1/in/two
 *   ffplay rtmp://127.0.0.1/out
 *   curl -X POST http://127.0.0.1:1935/in/two
 */
import { once } from 'node:events'
import type net from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, LiveStream, LiveStreams } from 'rtmpipe'

const inputs = new LiveStreams({ holdMs: 0 })
const output = new LiveStream()
const report = (error?: Error | null) => error && console.log(error.message)
let shown = ''

/** @throws if the input ends before its next keyframe. */
async function show(path: string): Promise<void> {
  const reader = inputs.get(path).subscribe({ from: 'next' })
  await once(reader, 'readable')
  if (reader.readableLength === 0) throw new Error(`${path} has ended`)
  shown = path
  console.log(`show ${path}`)
  pipeline(reader, output.input({ takeover: true }), () => {
    if (shown !== path) return
    shown = ''
    for (const [other, live] of inputs) if (live.isPublished) return void show(other).catch(report)
  })
}

const server = createServer(
  {
    http: ({ method, url = '' }, response) => {
      const path = url.slice(1)
      if (method !== 'POST' || !inputs.find(path)?.isPublished) return void response.writeHead(404).end()
      show(path).then(
        () => response.end(`${path}\n`),
        error => response.writeHead(503).end(`${error.message}\n`)
      )
    }
  },
  session => {
    session.on('publish', async publish => {
      pipeline(publish.accept(), await inputs.publish(publish.path), report)
      if (shown === '') await show(publish.path)
    })
    session.on('play', play => pipeline(output.player(), play.accept(), report))
  }
)
server.on('sessionError', report)

server.listen(Number(process.argv[2] ?? 1935), '127.0.0.1', () => {
  console.log(`listening rtmp://127.0.0.1:${(server.address() as net.AddressInfo).port}`)
})
