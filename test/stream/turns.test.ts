import { setImmediate as turnOfTheLoop } from 'node:timers/promises'
import t from 'tap'
import { type Later, promised, Turns } from '../../lib/stream/turns.ts'

/** Takes its time over what is a number, until that is called back. */
function waiting() {
  const heard: string[] = []
  const settles: ((error?: unknown) => void)[] = []
  const work = (item: string | number): Later | undefined => {
    heard.push(`in ${item}`)
    return typeof item === 'string' ? undefined : settled => void settles.push(settled)
  }
  const done = (name: string | number) => (error?: Error) => void heard.push(`out ${name}${error?.message ?? ''}`)
  return { heard, settles, work, done }
}

t.test('one thing is done at a time, and what comes meanwhile waits for its end', t => {
  const turns = new Turns()
  const { heard, settles, work, done } = waiting()
  turns.take(work, 'a', done('a'))
  t.equal(turns.isTaken, false)
  turns.take(work, 1, done(1))
  t.equal(turns.isTaken, true)
  turns.take(work, 2, done(2))
  t.same(heard.splice(0), ['in a', 'out a', 'in 1'])
  settles[0]!()
  t.same(heard.splice(0), ['out 1', 'in 2'])
  t.equal(turns.isTaken, true)
  settles[1]!(new Error(' fails'))
  t.same(heard, ['out 2 fails'])
  t.equal(turns.isTaken, false)
  t.end()
})

t.test('within `done` nothing is at work any more', t => {
  const turns = new Turns()
  const { heard, settles, work, done } = waiting()
  turns.take(work, 1, () => {
    t.equal(turns.isTaken, false)
    turns.take(work, 'b', done('b'))
  })
  settles[0]!()
  t.same(heard, ['in 1', 'in b', 'out b'])
  t.end()
})

t.test('closed within `done`, what waits is forgotten', t => {
  const turns = new Turns()
  const { heard, settles, work, done } = waiting()
  turns.take(work, 1, () => turns.close())
  turns.take(work, 2, done(2))
  settles[0]!()
  t.same(heard, ['in 1'])
  t.equal(turns.isTaken, false)
  t.end()
})

t.test('whatever is thrown, at once or later, is an Error for `done`; what `done` throws is its caller’s', async t => {
  for (const thrown of [new Error('no'), 'no', null, undefined]) {
    const errors: (Error | undefined)[] = []
    const turns = new Turns()
    const throws = () => {
      throw thrown
    }
    turns.take(throws, 0, error => errors.push(error))
    turns.take(
      () => promised(Promise.reject(thrown)),
      0,
      error => errors.push(error)
    )
    await turnOfTheLoop()
    t.equal(errors.length, 2)
    for (const error of errors) t.match(error, { message: thrown instanceof Error ? 'no' : `${thrown}` })
  }
  const calls: unknown[] = []
  const done = (error?: Error) => {
    calls.push(error)
    throw new Error('of done')
  }
  t.throws(() => new Turns().take(() => undefined, 0, done), { message: 'of done' })
  t.same(calls, [undefined], 'it is called once')
})
