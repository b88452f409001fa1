import net from 'node:net'
import { type Duplex, duplexPair, finished, pipeline, Writable } from 'node:stream'
import { setTimeout as sleep, setImmediate as turnOfTheLoop } from 'node:timers/promises'
import { chain, duplex, Layer, type LayerOptions, mirror, Stage, stage } from 'rtmpipe'
import t from 'tap'
import { collect } from '../support/collect.ts'

/** Numbers over numbers: what comes up is doubled, what goes down is negated. 'answer' is answered, 'throw' thrown at. */
class Doubler extends Layer<unknown> {
  constructor(lower: Duplex, options: LayerOptions = {}) {
    super(lower, options)
  }
  protected override inbound(item: unknown) {
    if (item === 'throw') throw new Error('thrown inside')
    if (item === 'answer') this.lower.write('answered')
    else if (item === 'open') this.open()
    else if (item === 'many') return Array.from({ length: 1000 }, (_, i) => i)
    else this.up((item as number) * 2)
  }
  protected override outbound(item: unknown) {
    if (item === 'throw') throw new Error('thrown inside')
    return this.lower.write(-(item as number))
  }
}

const plus = (n: number) => stage<number, number>((item, push) => push(item + n))()
const pair = () => duplexPair({ objectMode: true }) as [Duplex, Duplex]
const next = <Item>(stream: Duplex) => new Promise<Item>(resolve => stream.once('data', resolve))
const errorOf = (stream: Duplex) => new Promise<Error>(resolve => stream.once('error', resolve))

t.test('a layer reads and answers', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near)
  far.write(4)
  t.equal(await next(layer), 8)
  layer.write(3)
  t.equal(await next(far), -3)
  far.write('answer')
  t.equal(await next(far), 'answered')
})

t.test('a throw inside never escapes: it is the layer’s error, and the lower is destroyed without one', async t => {
  for (const provoke of [(_: Duplex, far: Duplex) => far.write('throw'), (layer: Duplex) => layer.write('throw')]) {
    const [near, far] = pair()
    near.on('error', () => t.fail('named once'))
    const layer = new Doubler(near)
    layer.resume()
    provoke(layer, far)
    t.match(await errorOf(layer), { message: 'thrown inside' })
    t.equal(near.destroyed, true)
    t.equal(layer.destroyed, true)
  }
})

t.test('until it is open a layer reads by itself, and what is written waits', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near, { opens: true })
  let heard: unknown
  far.on('data', item => {
    heard = item
  })
  layer.write(1)
  await turnOfTheLoop()
  t.equal(heard, undefined, 'nothing goes down before')
  far.write('answer')
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.equal(heard, 'answered', 'though nobody reads above')
  far.write('open')
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.equal(heard, -1)
})

t.test('then the reader above sets the pace: what is not read stays with the peer', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near)
  let written = 0
  while (far.write(++written) && written < 10_000);
  await turnOfTheLoop()
  t.ok(layer.readableLength + near.readableLength + near.writableLength < 100, 'little is held')
  t.ok(written < 100, 'and the peer is told to wait')
  const read: number[] = []
  layer.on('data', item => read.push(item as number))
  for (; written < 500; ) {
    if (!far.write(++written)) await new Promise(resolve => far.once('drain', resolve))
  }
  await turnOfTheLoop()
  await turnOfTheLoop()
  t.same(
    read,
    Array.from({ length: 500 }, (_, i) => 2 * (i + 1))
  )
})

t.test('what the peer says within our answer comes behind what we were hearing', async t => {
  class Asker extends Layer<unknown> {
    protected override *inbound(item: unknown) {
      if (item === 'again') this.lower.write('ask')
      yield item
    }
  }
  class Echo extends Layer<unknown> {
    protected override inbound(item: unknown) {
      if (item === 'ask') this.lower.write('answer')
    }
  }
  const [near, far] = pair()
  const asker = new Asker(near)
  new Echo(far).resume()
  const heard: unknown[] = []
  asker.on('data', item => heard.push(item))
  await turnOfTheLoop()
  for (const item of ['again', 'last']) far.write(item)
  await turnOfTheLoop()
  t.same(heard, ['again', 'answer', 'last'])
})

t.test('an iterable is drawn no faster than the reader reads, and the lower waits for it', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near)
  far.write('many')
  far.write(7)
  t.equal(await new Promise(resolve => layer.once('readable', () => resolve(layer.read()))), 0)
  await turnOfTheLoop()
  t.ok(layer.readableLength <= 32)
  const rest: number[] = []
  layer.on('data', item => rest.push(item as number))
  while (rest.length < 1000) await turnOfTheLoop()
  t.equal(rest.at(-2), 999)
  t.equal(rest.at(-1), 14)
})

t.test('writing waits for the lower to drain', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near)
  let accepted = 0
  for (let i = 1; i <= 200; i++) layer.write(i, () => accepted++)
  await turnOfTheLoop()
  t.ok(accepted < 100, `${accepted} of 200 went down`)
  const got: number[] = []
  far.on('data', item => got.push(item))
  while (accepted < 200) await turnOfTheLoop()
  await turnOfTheLoop()
  t.same(
    got,
    Array.from({ length: 200 }, (_, i) => -(i + 1))
  )
})

t.test('a layer takes items synchronously, and none while the lower is full', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near)
  let taken = 0
  while (taken < 1000 && layer.takeNow(taken + 1)) taken++
  t.ok(taken > 0 && taken < 100, `${taken} went down`)
  layer.write(taken + 1)
  const got: number[] = []
  far.on('data', item => got.push(item))
  while (got.length <= taken) await turnOfTheLoop()
  t.same(
    got,
    Array.from({ length: taken + 1 }, (_, i) => -(i + 1))
  )
  const failed = errorOf(layer)
  t.doesNotThrow(() => layer.takeNow('throw'))
  t.match(await failed, { message: 'thrown inside' })
  t.equal(layer.takeNow(1), false, 'nor when it is destroyed')
})

/** A stage that gives back what goes down, and counts what it takes synchronously. */
class Echo extends Stage<number, number> {
  taken = 0
  readonly heard: number[] = []
  override takeNow(item: number) {
    const isTaken = super.takeNow(item)
    if (isTaken) this.taken++
    return isTaken
  }
  protected override turn(item: number) {
    this.heard.push(item)
    this.push(item)
  }
}

/** Numbers both ways: 3 comes up as three, 7 is thrown at on its way down, 8 on its way up. */
class Picky extends Layer<number> {
  protected override inbound(item: number) {
    if (item === 8) throw new Error('thrown above')
    if (item === 3) return [3, 33, 333]
    this.up(item)
  }
  protected override outbound(item: number) {
    if (item === 7) throw new Error('thrown below')
    return this.down(item)
  }
}

t.test('a layer takes and gives synchronously, down and up, and what was ahead of an error goes its way', async t => {
  for (const [items, up, message] of [
    [[1, 2, 3, 4, 5], [1, 2, 3, 33, 333, 33, 333, 4, 5], undefined],
    [[1, 2, 7, 4], [1, 2], 'thrown below'],
    [[1, 2, 8, 4], [1, 2], 'thrown above']
  ] as [number[], number[], string?][]) {
    const [echo, last] = [new Echo(), new Echo()]
    const layer = new Picky(new Picky(echo as unknown as Duplex) as unknown as Duplex)
    const failed = new Promise<Error>(resolve => layer.on('error', resolve))
    layer.pipe(last as unknown as Duplex).on('data', () => {})
    await turnOfTheLoop()
    for (const item of items) layer.takeNow(item) || layer.write(item)
    t.equal(echo.taken, { undefined: 5, 'thrown below': 2, 'thrown above': 3 }[`${message}`])
    t.same(last.heard, up)
    if (message !== undefined) t.match(await failed, { message })
    else t.equal(last.taken, up.length)
  }
})

t.test('what a layer makes of an item on its way down it makes once, be the lower of objects or of bytes', async t => {
  /** As RTMPE enciphers: each byte plus one. */
  class Cipher extends Layer<Buffer, number> {
    protected override inbound() {}
    protected override outbound(item: number) {
      return this.down(Buffer.of(item))
    }
    protected override down(bytes: Buffer) {
      return super.down(Buffer.of(bytes[0]! + 1))
    }
  }
  for (const to of ['objects', 'bytes'] as const) {
    const heard: number[] = []
    // it stops listening in the middle
    const slow = stage<Buffer, Buffer>(
      ([byte]) => {
        heard.push(byte!)
        return byte === 3 ? turnOfTheLoop() : undefined
      },
      { from: to, to }
    )() as unknown as Duplex
    const layer = new Cipher(slow)
    await turnOfTheLoop()
    const items = [1, 2, 3, 4]
    for (const item of items) layer.takeNow(item) || layer.write(item)
    while (heard.length < items.length) await turnOfTheLoop()
    t.same(heard, [2, 3, 4, 5], to)
  }
})

t.test(
  'what is given synchronously from below stops where an iterable has to wait, and the rest comes behind it',
  async t => {
    class Slow extends Layer<number> {
      protected override *inbound(item: number) {
        for (let i = 0; i < 40; i++) yield item
      }
    }
    const echo = new Echo()
    const layer = new Slow(echo as unknown as Duplex)
    layer.once('readable', () => {})
    await turnOfTheLoop()
    const items = Array.from({ length: 20 }, (_, i) => i)
    for (const item of items) echo.takeNow(item) || echo.write(item)
    t.ok(layer.readableLength < 100, `${layer.readableLength} wait above`)
    echo.end()
    t.same(
      await collect(layer as unknown as Duplex),
      items.flatMap(item => Array(40).fill(item))
    )
  }
)

t.test('the lower’s end is the layer’s end, and the other half stays open', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near)
  far.end(1)
  t.same(await collect(layer), [2])
  layer.write(5)
  t.equal(await next(far), -5)
  layer.end()
  await new Promise<void>((resolve, reject) => finished(layer, error => (error ? reject(error) : resolve())))
  t.equal(layer.destroyed && near.destroyed, true, 'and then all is gone')
})

t.test('and comes behind all that an iterable has yet to give to a reader that is slow', async t => {
  const [near, far] = pair()
  const layer = new Doubler(near)
  for (const item of ['many', 'many']) far.write(item)
  far.end()
  let count = 0
  for await (const _ of layer) if (++count % 10 === 0) await turnOfTheLoop()
  t.equal(count, 2000)
})

t.test('the lower’s error is the layer’s', async t => {
  const [near] = pair()
  const layer = new Doubler(near)
  near.destroy(new Error('reset'))
  t.match(await errorOf(layer), { message: 'reset' })
})

t.test('a lower that closes before its end is an error', async t => {
  const [near] = pair()
  const layer = new Doubler(near)
  near.destroy()
  t.match(await errorOf(layer), { code: 'ERR_STREAM_PREMATURE_CLOSE' })
})

t.test('a lower that has closed by itself leaves nobody to write to', async t => {
  for (const [written, codes] of [
    [0, []],
    [100, ['ERR_RTMP_PREMATURE_CLOSE']]
  ] as const) {
    const [near, far] = pair()
    const layer = new Doubler(near)
    const got: number[] = []
    const errors: (string | undefined)[] = []
    layer.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
    const closed = new Promise(resolve => layer.on('close', resolve))
    for (let i = 0; i < written; i++) layer.write(i)
    far.end(1)
    near.end()
    far.resume()
    await sleep(5)
    t.equal(layer.destroyed, false, 'not as long as there is something to read')
    layer.on('data', item => got.push(item as number))
    await closed
    t.same([got, errors], [[2], codes], `${written} items unsent`)
  }
})

t.test('destroy without a reason emits no error, and destroys the lower', async t => {
  const [near] = pair()
  const layer = new Doubler(near)
  for (const each of [layer, near]) each.on('error', () => t.fail('no error'))
  layer.destroy()
  await new Promise(resolve => layer.on('close', resolve))
  await turnOfTheLoop()
  t.equal(near.destroyed, true)
})

t.test('a write that was waiting hears that it will not be', async t => {
  const [near] = pair()
  const layer = new Doubler(near, { opens: true })
  layer.on('error', () => t.fail('no error'))
  const told = new Promise<unknown>(resolve => layer.write(1, resolve))
  layer.destroy()
  t.ok(await told)
})

t.test('layers nest over a socket; last words arrive and both ends finish', async t => {
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    const numbers = mirror(
      stage<number, Buffer>((item, push) => push(Buffer.of(item & 255)), { to: 'bytes' })(),
      socket,
      stage<Buffer, number>((bytes, push) => bytes.forEach(byte => void push(byte)), { from: 'bytes' })()
    )
    const upper = new Doubler(new Doubler(numbers))
    const bye = stage<number, number>((item, push) => push(item))()
    bye.once('end', () => {})
    pipeline(upper, bye, upper, error => t.notOk(error, 'the server’s loop ends well'))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
  socket.end(Buffer.of(1, 2, 3))
  const got = Buffer.concat(await collect(socket))
  t.same([...got], [4, 8, 12], 'up through two layers, and down again through both')
  await new Promise(resolve => server.close(resolve))
})

t.test('mirror: an error anywhere destroys all, and is the mirror’s', async t => {
  for (const at of [0, 1, 2]) {
    const [near] = pair()
    const [out, back] = [plus(0), plus(0)]
    const parts = [out, near, back] as Duplex[]
    const both = mirror(out, near, back)
    both.resume()
    const error = errorOf(both)
    parts[at]!.destroy(new Error(`of ${at}`))
    t.match(await error, { message: `of ${at}` })
    await sleep(10)
    t.same(
      parts.map(({ destroyed }) => destroyed),
      [true, true, true]
    )
  }
})

t.test('mirror: destroy without a reason emits no error', async t => {
  const [near] = pair()
  const parts = [plus(0), near, plus(0)] as [Duplex, Duplex, Duplex]
  const both = mirror(...parts)
  both.on('error', () => t.fail('no error'))
  both.destroy()
  await sleep(10)
  t.same(
    parts.map(({ destroyed }) => destroyed),
    [true, true, true]
  )
})

t.test('mirror: ends travel through', async t => {
  const [near, far] = pair()
  const both = mirror(
    stage<number, number>((n, push) => push(n + 1))(),
    near,
    stage<number, number>((n, push) => push(n * 10))()
  )
  far.end(1)
  both.end(1)
  t.same(await Promise.all([collect(both), collect(far)]), [[10], [2]])
})

t.test('chain joins stages into one', async t => {
  const chains: readonly [stages: Stage<number, number>[], sum: number][] = [
    [[], 0],
    [[plus(1)], 1],
    [[plus(1), plus(2)], 3],
    [[plus(1), plus(2), plus(3), plus(4)], 10]
  ]
  for (const [stages, sum] of chains) {
    const joined = chain(...stages)
    const closed = new Promise(resolve => joined.on('close', resolve))
    joined.write(1)
    joined.end(2)
    t.same(await collect(joined), [1 + sum, 2 + sum], `${stages.length} stages`)
    await closed
    t.pass('and it closes')
  }
})

t.test('chain: an error in any stage is the chain’s, and destroys all', async t => {
  for (const at of [0, 1, 2]) {
    const stages = [plus(1), plus(2), plus(3)]
    const joined = chain(...stages)
    const error = errorOf(joined)
    stages[at]!.destroy(new Error(`of ${at}`))
    t.match(await error, { message: `of ${at}` })
    await sleep(10)
    t.same(
      stages.map(({ destroyed }) => destroyed),
      [true, true, true]
    )
  }
})

t.test('chain: a stage that closes before its end is an error too', async t => {
  for (const at of [0, 1]) {
    const stages = [plus(1), plus(2)]
    const joined = chain(...stages)
    const error = errorOf(joined)
    stages[at]!.destroy()
    t.match(await error, { code: 'ERR_RTMP_PREMATURE_CLOSE' })
  }
})

t.test('chain: destroy without a reason emits no error', async t => {
  const stages = [plus(1), plus(2)]
  const joined = chain(...stages)
  joined.on('error', () => t.fail('no error'))
  joined.destroy()
  await new Promise(resolve => joined.on('close', resolve))
  await sleep(10)
  t.same(
    stages.map(({ destroyed }) => destroyed),
    [true, true]
  )
})

t.test('chain may end in what is only written to', async t => {
  const got: number[] = []
  const sink = new Writable({
    objectMode: true,
    write(item, _, done) {
      got.push(item)
      done()
    }
  })
  const joined = chain(plus(1), plus(2), sink)
  const closed = new Promise(resolve => joined.on('close', resolve))
  joined.write(1)
  joined.end(2)
  await new Promise(resolve => joined.on('finish', resolve))
  t.same(got, [4, 5], 'finished means that all is written')
  await closed
})

t.test('chain stands in a pipeline, as a loop does', async t => {
  const [near, far] = pair()
  const ended = new Promise(resolve => pipeline(near, chain(plus(1), plus(2), plus(3)), near, resolve))
  far.write(1)
  far.end(2)
  t.same(await collect(far), [7, 8])
  t.notOk(await ended)
})

t.test('duplex: two halves in one', async t => {
  const [near, far] = pair()
  const [other, beyond] = pair()
  const both = duplex(near, beyond)
  both.end(1)
  other.end(2)
  t.same(await Promise.all([collect(both), collect(far)]), [[2], [1]])
})
