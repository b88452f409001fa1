import fc from 'fast-check'
import t from 'tap'
import { Timeouts } from '../../../lib/rtmfp/session/timeouts.ts'
import { holds } from '../../support/property.ts'

class Entry {
  at: number

  constructor(at = Number.POSITIVE_INFINITY) {
    this.at = at
  }

  nextTimeout(): number {
    return this.at
  }
}

t.test('the next timeout is that of the first, and a later one waits for the earlier', async t => {
  const timeouts = new Timeouts<Entry>()
  t.equal(timeouts.next, Number.POSITIVE_INFINITY)
  const [one, two, never] = [new Entry(30), new Entry(10), new Entry()]
  for (const entry of [one, two, never]) timeouts.expect(entry)
  t.equal(timeouts.next, 10)
  two.at = 50
  timeouts.expect(two)
  t.equal(timeouts.next, 10, 'put off')
  t.same(timeouts.take(9), [])
  t.same(timeouts.take(10), [two])
  timeouts.expect(two)
  t.equal(timeouts.next, 30)
  two.at = 20
  timeouts.expect(two)
  t.equal(timeouts.next, 20)
  t.same(timeouts.take(30), [two, one])
  t.same(timeouts.take(1e9), [])
  timeouts.expect(one)
  timeouts.delete(one)
  timeouts.delete(never)
  t.equal(timeouts.next, Number.POSITIVE_INFINITY)
})

t.test('whatever is deleted, those that are left come in time', async t => {
  const timeouts = new Timeouts<Entry>()
  const entries = [1, 50, 2, 60, 61, 70, 3].map(at => new Entry(at))
  for (const entry of entries) timeouts.expect(entry)
  timeouts.delete(entries[3]!)
  t.same(
    timeouts.take(3).map(({ at }) => at),
    [1, 2, 3]
  )
})

const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.record({ kind: fc.constant('expect'), who: fc.nat(30), at: fc.nat(100) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete'), who: fc.nat(30), at: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('take'), who: fc.constant(0), at: fc.nat(100) }) }
  ),
  { minLength: 40, maxLength: 200 }
)

t.test('nobody is forgotten, and nobody comes twice', async t => {
  holds(
    t,
    'timeouts',
    fc.property(steps, steps => {
      const entries = Array.from({ length: 31 }, () => new Entry())
      const timeouts = new Timeouts<Entry>()
      // when each is to come at the latest
      const known = new Map<Entry, number>()
      for (const { kind, who, at } of steps) {
        const entry = entries[who]!
        if (kind === 'expect') {
          entry.at = at
          timeouts.expect(entry)
          known.set(entry, Math.min(at, known.get(entry) ?? Number.POSITIVE_INFINITY))
        } else if (kind === 'delete') {
          timeouts.delete(entry)
          known.delete(entry)
        } else {
          const due = [...known].filter(([, until]) => until <= at).map(([each]) => each)
          const taken = timeouts.take(at)
          if (taken.length !== due.length || !due.every(each => taken.includes(each))) return false
          for (const each of due) known.delete(each)
        }
        if (timeouts.next !== Math.min(Number.POSITIVE_INFINITY, ...known.values())) return false
      }
      return true
    })
  )
})
