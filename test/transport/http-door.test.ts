import { once } from 'node:events'
import type http from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import { httpDoor } from '../../lib/transport/http-door.ts'
import { TestClock } from '../support/clock.ts'

/** A connection at the door, and the requests it has made. */
async function atTheDoor(t: { teardown(end: () => unknown): unknown }, clock: TestClock) {
  const requests: [http.IncomingMessage, http.ServerResponse][] = []
  const upgraded: Duplex[] = []
  const request: http.RequestListener = (request, response) => requests.push([request, response])
  const door = httpDoor(
    { request, upgrade: (_, socket) => upgraded.push(socket) },
    { clock, limits: { tunnelIdleMs: 100 } }
  )
  const server = net.createServer(door)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const socket = net
    .connect((server.address() as net.AddressInfo).port, '127.0.0.1')
    .resume()
    .on('error', () => {})
  await once(server, 'connection')
  t.teardown(() => {
    socket.destroy()
    server.close()
  })
  const asked = async (count: number) => {
    while (requests.length < count) await new Promise(resolve => setImmediate(resolve))
  }
  return { socket, requests, asked, upgraded }
}

const POST = 'POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n'

t.test('a connection that asks nothing, or drips, is ended in time', async t => {
  const clock = new TestClock()
  const { socket } = await atTheDoor(t, clock)
  socket.write('POST /op')
  clock.pass(99)
  t.equal(socket.destroyed, false)
  clock.pass(1)
  await new Promise(resolve => socket.once('close', resolve))
  t.equal(clock.timers, 0)
})

t.test('an answer that is waited for, and the next request ahead of it, end nothing', async t => {
  const clock = new TestClock()
  const { socket, requests, asked } = await atTheDoor(t, clock)
  socket.write(POST + POST)
  await asked(2)
  t.equal(clock.timers, 0, 'however long the answers take')
  const closed = requests.map(([, response]) => once(response, 'close'))
  for (const [, response] of requests) response.end('x')
  await Promise.all(closed)
  t.equal(clock.timers, 1, 'one timer, once all are answered')
  socket.write(POST)
  await asked(3)
  clock.pass(1000)
  t.equal(socket.destroyed, false)
  const gone = once(socket, 'close')
  socket.destroy()
  await gone
  while (clock.timers > 0) await new Promise(resolve => setImmediate(resolve))
})

t.test('one that is upgraded is watched no more', async t => {
  const clock = new TestClock()
  const { socket, requests, upgraded, asked } = await atTheDoor(t, clock)
  socket.write(`${POST}GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  await asked(1)
  while (upgraded.length === 0) await new Promise(resolve => setImmediate(resolve))
  const closed = once(requests[0]![1], 'close')
  requests[0]![1].end('x')
  await closed
  t.equal(clock.timers, 0, 'nor when an answer ahead of it has gone')
  t.equal(upgraded[0]!.destroyed, false)
})
