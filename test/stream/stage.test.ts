import { type Duplex, PassThrough, pipeline, Readable, Transform, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline as finishes } from 'node:stream/promises'
import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import fc from 'fast-check'
import { duplex, Stage, stage } from 'rtmpipe'
import t from 'tap'
import { holdsLater } from '../support/property.ts'

const number = stage<number, number>((item, push) => push(item))

t.test('a stage turns what is written into what is read', async t => {
  const doubled = stage<number, number>((item, push) => {
    push(item)
    push(item * 2)
  })()
  t.same(await Readable.from([1, 2]).pipe(doubled).toArray(), [1, 2, 2, 4])
})

t.test('each side carries what it says: objects, or bytes', async t => {
  const measured = stage<Buffer, number>(({ length }, push) => push(length), { from: 'bytes' })()
  t.equal(measured.writableObjectMode, false)
  t.equal(measured.readableObjectMode, true)
  measured.end('žluť')
  t.same(await measured.toArray(), [6], 'a string is its bytes')
  const zeros = stage<number, Buffer>((length, push) => push(Buffer.alloc(length)), { to: 'bytes' })()
  zeros.write(3)
  zeros.end(2)
  t.equal((await buffer(zeros)).length, 5)
  t.equal(zeros.readableHighWaterMark, 65536, 'bytes are counted in reads of a socket')
})

t.test('a throw in turn destroys the stage with that error, and goes nowhere else', async t => {
  const thrown = new Error('no')
  const failing = stage(function sieve() {
    throw thrown
  })()
  t.doesNotThrow(() => failing.write(1))
  const error = await new Promise<Error>(resolve => failing.on('error', resolve))
  t.equal(error, thrown)
  t.match(error, { layer: 'sieve' }, 'named with the layer')
  t.equal(failing.destroyed, true)
})

t.test('the layer an error names already stays', async t => {
  const failing = stage(() => {
    throw Object.assign(new Error('no'), { layer: 'deeper' })
  })()
  failing.write(1)
  t.match(await new Promise(resolve => failing.on('error', resolve)), { layer: 'deeper' })
})

t.test('what is thrown need not be an error', async t => {
  for (const thrown of ['no', undefined, null, 7]) {
    const failing = stage(() => {
      throw thrown
    })()
    failing.write(1)
    t.type(await new Promise(resolve => failing.on('error', resolve)), Error, `${thrown}`)
  }
})

t.test('turn may return a promise; the next item waits for it', async t => {
  const order: string[] = []
  const waiting = stage<number, number>(async (item, push) => {
    order.push(`in ${item}`)
    await turnOfTheLoop()
    order.push(`out ${item}`)
    push(item)
  })()
  t.same(await Readable.from([1, 2]).pipe(waiting).toArray(), [1, 2])
  t.same(order, ['in 1', 'out 1', 'in 2', 'out 2'])
})

t.test('a rejection destroys the stage as a throw does', async t => {
  const failing = stage(async function lookUp() {
    await turnOfTheLoop()
    throw new Error('no')
  })()
  failing.write(1)
  t.match(await new Promise(resolve => failing.on('error', resolve)), { message: 'no', layer: 'lookUp' })
})

t.test('an iterable is drawn no faster than the reader reads', async t => {
  let drawn = 0
  const many = stage<number, number>(function* (count: number) {
    for (drawn = 0; drawn < count; drawn++) yield drawn
  })()
  many.write(65_536)
  many.end()
  await turnOfTheLoop()
  t.ok(drawn <= 32, `${drawn} of 65,536 while nobody reads`)
  const [first, second] = [many.read(), many.read()]
  t.same([first, second], [0, 1])
  await turnOfTheLoop()
  t.ok(drawn <= 32, `${drawn} after two were read`)
  const rest = await many.toArray()
  t.equal(rest.length, 65_534)
  t.equal(rest.at(-1), 65_535)
})

t.test('an iterable that ends just as the reader is full is followed by the next item', async t => {
  for (const counts of [[5, 11, 16, 3, 16, 1], [16, 16, 16], [1, 15, 0, 0, 32, 7], Array(100).fill(3)]) {
    const many = stage<number, number>(function* (count: number) {
      for (let i = 0; i < count; i++) yield i
    })()
    const all = await Readable.from(counts).pipe(many).pipe(number()).toArray()
    t.equal(
      all.length,
      counts.reduce((sum, count) => sum + count, 0),
      `${counts.slice(0, 6)}`
    )
  }
})

t.test('an iterable that throws destroys the stage, with all it gave delivered', async t => {
  const failing = stage<number, number>(function* half(count: number) {
    yield count
    throw new Error('no')
  })()
  const got: number[] = []
  failing.on('data', item => got.push(item))
  failing.write(1)
  t.match(await new Promise(resolve => failing.on('error', resolve)), { message: 'no', layer: 'half' })
  t.same(got, [1])
})

t.test('a destroyed stage lets its source go', async t => {
  let finished = false
  const many = stage<number, number>(function* () {
    try {
      for (let i = 0; ; i++) yield i
    } finally {
      finished = true
    }
  })()
  many.write(1)
  await turnOfTheLoop()
  many.destroy()
  t.equal(finished, true)
})

class Sum extends Stage<number, number> {
  #sum = 0
  protected override turn(item: number) {
    this.#sum += item
  }
  protected override last() {
    this.push(this.#sum)
    this.tell({ layer: 'message', offset: 3, missing: 4 })
  }
}

t.test('last is called at the end; what was cut is an event, and the end is clean', async t => {
  const sum = new Sum()
  const cuts: unknown[] = []
  sum.on('truncated', cut => cuts.push(cut))
  t.same(await Readable.from([1, 2, 3]).pipe(sum).toArray(), [6])
  t.same(cuts, [{ layer: 'message', offset: 3, missing: 4 }])
  t.equal(sum.layer, 'Sum', 'a stage of one’s own is named by its class')
})

t.test('destroy without a reason emits no error', async t => {
  const one = number()
  one.on('error', () => t.fail('no error'))
  one.destroy()
  await new Promise(resolve => one.on('close', resolve))
  t.pass()
})

t.test('stages stand in a pipeline with those of Node and between sockets’ kin', async t => {
  const plus = new Transform({ objectMode: true, transform: (item, _, done) => done(null, item + 1) })
  const out = new PassThrough({ objectMode: true })
  await finishes(Readable.from([1, 2, 3]), number(), plus, new Sum(), out)
  t.same(await out.toArray(), [9])
})

t.test('an error in the middle of a pipeline reaches its end once', async t => {
  const failing = stage(() => {
    throw new Error('no')
  })()
  const errors: unknown[] = []
  await new Promise<void>(resolve => {
    pipeline(Readable.from([1]), number(), failing, number(), error => {
      errors.push(error?.message)
      resolve()
    })
  })
  await turnOfTheLoop()
  t.same(errors, ['no'])
})

const turns = {
  push: (item: number, push: (item: number) => boolean) => push(item),
  iterable: (item: number) => [item],
  generator: function* (item: number) {
    yield item
  },
  promise: async (item: number, push: (item: number) => boolean) => {
    await turnOfTheLoop()
    push(item)
  },
  'now and then two': function* (item: number) {
    if (item % 3 === 0) yield* [item, -item - 1]
    else yield item
  },
  'now and then a promise': (item: number, push: (item: number) => boolean) =>
    item % 7 === 0 ? turnOfTheLoop().then(() => push(item)) : push(item)
}
const kinds = Object.keys(turns) as (keyof typeof turns)[]

/** A layer over two halves, and a stage of Node's, stand between ours as well. */
function made(kind: (typeof kinds)[number] | 'layer' | 'of Node'): Duplex {
  if (kind === 'of Node') return new PassThrough({ objectMode: true })
  if (kind !== 'layer') return stage<number, number>(turns[kind])() as unknown as Duplex
  const [out, back] = [number(), number()] as unknown as [Duplex, Duplex]
  out.pipe(back)
  return duplex(out, back)
}

t.test('stages pass items by the fast path or by the buffer, always in order', async t => {
  const property = fc.asyncProperty(
    fc.array(fc.constantFrom(...kinds, 'layer' as const, 'of Node' as const), { minLength: 1, maxLength: 6 }),
    fc.constantFrom(1, 3, 70, 150),
    fc.array(fc.nat(3), { minLength: 1, maxLength: 20 }),
    fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
    async (stages, burst, restsOfSource, restsOfReader) => {
      const rest = async (rests: readonly number[], i: number) => {
        for (let turn = rests[i % rests.length]!; turn > 2; turn--) await turnOfTheLoop()
      }
      async function* source() {
        for (let i = 0; i < 300; i += burst) {
          await rest(restsOfSource, i)
          yield i
        }
      }
      const bursts = stage<number, number>(function* (first: number) {
        for (let i = first; i < Math.min(first + burst, 300); i++) yield i
      })()
      const read: number[] = []
      const reader = new Writable({
        objectMode: true,
        highWaterMark: 3,
        write(item: number, _encoding, done) {
          if (item >= 0) read.push(item)
          void rest(restsOfReader, Math.abs(item)).then(() => done())
        }
      })
      await finishes([Readable.from(source()), bursts as unknown as Duplex, ...stages.map(made), reader])
      return read.length === 300 && read.every((item, i) => item === i)
    }
  )
  await holdsLater(t, 'in order, each once', property, { numRuns: 50 })
})

t.test('an item that is taken synchronously and takes its time holds back later items, and the end', async t => {
  const order: string[] = []
  const slow = stage<number, number>(async (item, push) => {
    order.push(`in ${item}`)
    await turnOfTheLoop()
    order.push(`out ${item}`)
    push(item)
  })()
  const first = number()
  first.pipe(slow)
  const all = slow.toArray()
  t.equal(slow.takeNow(1), true)
  t.equal(slow.takeNow(2), false, 'it is at work')
  first.write(2)
  first.end(3)
  t.same(await all, [1, 2, 3])
  t.same(order, ['in 1', 'out 1', 'in 2', 'out 2', 'in 3', 'out 3'])
})

t.test('what is converted to bytes is written, and does not take the fast path', async t => {
  const texts = stage<string | Uint8Array, string | Uint8Array>((item, push) => push(item), { to: 'bytes' })()
  const heard: unknown[] = []
  const bytes = stage<Buffer, number>(item => void heard.push(item), { from: 'bytes' })()
  texts.pipe(bytes)
  await turnOfTheLoop()
  texts.write('žluť')
  texts.write(Uint8Array.of(1))
  texts.write('')
  texts.write(Buffer.of(2))
  texts.end()
  await bytes.resume().toArray()
  t.same(heard, [Buffer.from('žluť'), Buffer.of(1), Buffer.of(2)])
  t.ok(heard.every(Buffer.isBuffer))

  const objects = number()
  objects.pipe(stage<Buffer, Buffer>((item, push) => push(item), { from: 'bytes', to: 'bytes' })() as never)
  await turnOfTheLoop()
  const failed = new Promise(resolve => objects.on('error', resolve))
  objects.write(1)
  t.match(await failed, { code: 'ERR_INVALID_ARG_TYPE' })
})

t.test('a throw on the fast path destroys the stage alone', async t => {
  const failing = stage(function sieve() {
    throw new Error('no')
  })()
  const first = number()
  first.pipe(failing as never)
  await turnOfTheLoop()
  const failed = new Promise(resolve => failing.on('error', resolve))
  t.doesNotThrow(() => first.write(1))
  t.match(await failed, { message: 'no', layer: 'sieve' })
  t.notOk(first.destroyed)
  t.equal(failing.takeNow(2), false)
})

t.test('nobody reads: the fast path is bounded as writes are', async t => {
  const [first, second] = [number(), number()]
  first.pipe(second)
  await turnOfTheLoop()
  let pushed = 0
  const ones = new Readable({
    objectMode: true,
    read() {
      this.push(pushed < 1000 ? pushed++ : null)
    }
  })
  ones.pipe(first)
  for (let i = 0; i < 200; i++) await turnOfTheLoop()
  t.ok(pushed < 100, `${pushed} items wait`)
  second.cork()
  t.equal(second.takeNow(1), false)
  ones.destroy()
})

/** Counts what it takes synchronously. */
class Counter extends Stage<number, number> {
  taken = 0
  readonly heard: unknown[] = []
  override takeNow(item: number): boolean {
    const isTaken = super.takeNow(item)
    if (isTaken) this.taken++
    return isTaken
  }
  protected override turn(item: number) {
    this.heard.push(item)
    this.push(item)
  }
}

const upTo = stage<number, number>(function* (count: number) {
  for (let i = 0; i < count; i++) yield i
})

t.test('what is drawn goes on synchronously, by way of stages and layers, and its end behind it', async t => {
  const [many, counter, back] = [upTo(), new Counter(), number()]
  counter.pipe(back)
  const halves = duplex(counter, back)
  const last = new Counter()
  many.pipe(halves)
  halves.pipe(last)
  last.on('data', () => {})
  await turnOfTheLoop()
  many.end(200)
  await new Promise(resolve => last.on('end', resolve))
  t.equal(counter.taken, 200)
  t.equal(last.taken, 200)
  t.same(
    last.heard,
    Array.from({ length: 200 }, (_, i) => i)
  )
})

t.test('who reads along sees every item, and so does who comes between two', async t => {
  const [many, counter] = [upTo(), new Counter()]
  const along: unknown[] = []
  many.pipe(counter)
  counter.on('data', () => {})
  await turnOfTheLoop()
  many.write(100)
  many.on('data', item => along.push(item))
  many.end(100)
  await new Promise(resolve => counter.on('end', resolve))
  t.equal(counter.taken, 100, 'the first hundred')
  t.same(
    counter.heard,
    [...Array(2)].flatMap(() => Array.from({ length: 100 }, (_, i) => i))
  )
  t.same(
    along,
    Array.from({ length: 100 }, (_, i) => i)
  )
})

t.test('of an iterable that ends in an error all before it is delivered', async t => {
  const half = stage<number, number>(function* half(count: number) {
    for (let i = 0; i < count; i++) yield i
    throw new Error('no')
  })()
  const counter = new Counter()
  half.pipe(counter)
  counter.on('data', () => {})
  await turnOfTheLoop()
  const failed = new Promise(resolve => half.on('error', resolve))
  half.write(70)
  t.match(await failed, { message: 'no', layer: 'half' })
  t.equal(counter.taken, 70)
  t.equal(counter.heard.length, 70)
})

t.test('64 KB of one-byte chunks are not 65,000 objects at once, through however many hands', async t => {
  const tower = (count: number) => {
    let drawn = 0
    const many = stage<number, number>(function* (most: number) {
      for (drawn = 0; drawn < most; drawn++) yield drawn
    })()
    let last: Stage<number, number> = many
    for (let i = 0; i < count; i++) last = last.pipe(number())
    return { many, last, drawn: () => drawn }
  }
  for (const hands of [1, 3, 5]) {
    const { many, last, drawn } = tower(hands)
    await turnOfTheLoop()
    many.end(65_536)
    for (let i = 0; i < 50; i++) await turnOfTheLoop()
    t.ok(drawn() <= (hands + 1) * (64 + 32), `${drawn()} of 65,536 while nobody reads, by ${hands}`)
    t.equal((await last.toArray()).length, 65_536)
  }
})

t.test('after a jam items take the fast path again', async t => {
  const [many, counter] = [upTo(), new Counter()]
  const few = stage<unknown, unknown>((item, push) => (item as number) % 50 === 0 && push(item))()
  const last = number()
  many
    .pipe(counter)
    .pipe(few)
    .pipe(last as never)
  await turnOfTheLoop()
  many.end(20_000)
  for (let i = 0; i < 50; i++) await turnOfTheLoop()
  const before = counter.heard.length
  t.ok(before < 5000, `${before} while nobody reads`)
  const taken = counter.taken
  t.equal((await last.toArray()).length, 400)
  t.ok(counter.taken - taken > (20_000 - before) / 2, `${counter.taken - taken} synchronously`)
})

t.test('what is pushed while an item goes on comes behind it, the end too', async t => {
  const first = new Counter()
  const second = stage<unknown, unknown>((item, push) => {
    if (item === 1) for (const each of [-1, null]) first.push(each)
    return item === 1 ? turnOfTheLoop().then(() => push(item)) : push(item)
  })()
  const all: unknown[] = []
  first.pipe(second).on('data', item => all.push(item))
  await turnOfTheLoop()
  for (const item of [0, 1]) first.takeNow(item)
  await new Promise(resolve => second.on('end', resolve))
  t.same(all, [0, 1, -1])

  class Ending extends Stage<number, number> {
    protected override turn(item: number) {
      this.push(item === 2 ? null : item)
    }
  }
  const ending = new Ending()
  const slow = stage<number, number>((item, push) => turnOfTheLoop().then(() => push(item)))()
  const ended = ending.pipe(slow).toArray()
  await turnOfTheLoop()
  for (const item of [0, 1, 2]) ending.takeNow(item) || ending.write(item)
  t.same(await ended, [0, 1])
})
