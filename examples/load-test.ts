/**
 * A load test. This example shows how to:
 *  1. open many sessions, each a player, or a publisher of a file in real time;
 *  2. count what passes, by the messages of a stream;
 *  3. print the rates every second, and what has failed.
 *
 *   npm run build && node dist/examples/load-test.js play rtmp://127.0.0.1/live/film 100
 *   npm run build && node dist/examples/load-test.js publish rtmp://127.0.0.1/live/film 100 film.flv       as film-1 to film-100
 *
 * Run it on another machine than the server, or its own work is measured too.
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, flvDecoder, type Message, pace, splitStreamUrl, stage } from 'rtmpipe'

const [what, to = '', many = '1', file = ''] = process.argv.slice(2)
if ((what !== 'play' && what !== 'publish') || to === '' || (what === 'publish' && file === '')) {
  console.error('usage: load-test play URL [COUNT]   or   load-test publish URL COUNT FILE.flv')
  process.exit(2)
}
const { url, name } = splitStreamUrl(to)
let [open, failed, messages, bytes] = [0, 0, 0, 0]

function count({ payload }: Message): void {
  messages++
  bytes += payload.length
}

const counter = stage<Message, Message>((message, push) => {
  count(message)
  push(message)
})

async function run(number: number): Promise<void> {
  await using session = await connect(url)
  open++
  try {
    if (what === 'play') for await (const message of await session.play(name)) count(message)
    else {
      const publishing = await session.publish(`${name}-${number}`)
      await pipeline(createReadStream(file), flvDecoder(), pace(), counter(), publishing)
    }
  } finally {
    open--
  }
}

const report = setInterval(() => {
  console.log(`${open} open, ${failed} failed, ${messages} messages/s, ${((bytes * 8) / 1e6).toFixed(1)} Mbit/s`)
  messages = bytes = 0
}, 1000)

const runs: Promise<void>[] = []
for (let number = 1; number <= Number(many); number++) {
  const ran = run(number).catch(error => {
    failed++
    console.log(`${number}: ${error.message}`)
  })
  runs.push(ran)
  // a server need not take all of them in one turn
  await wait(5)
}
await Promise.all(runs)
clearInterval(report)
console.log(`done, ${failed} failed`)
