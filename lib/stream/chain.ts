import { type Duplex, finished, PassThrough, type Readable, type Writable } from 'node:stream'
import Pumpify from 'pumpify'
import { RtmpError } from '../errors.ts'
import type { DuplexOf, InOf, OutOf, Takes } from './typed.ts'

type AnyStream = Duplex | Readable | Writable

/** Stages of which each takes what the one ahead of it gives. */
export type Fitting<Stages extends readonly unknown[]> = Stages extends readonly [
  infer First,
  infer Next,
  ...infer Rest
]
  ? readonly [First, ...Fitting<[Next extends Takes<OutOf<First>> ? Next : Takes<OutOf<First>>, ...Rest]>]
  : Stages

/** What a chain of stages is, by its first and its last. */
export type Chained<Stages extends readonly unknown[]> = Stages extends readonly [infer Only]
  ? Only
  : Stages extends readonly [infer First, ...unknown[], infer Last]
    ? DuplexOf<InOf<First>, OutOf<Last>>
    : Duplex

/**
 * Joins stages into one Duplex: what is written enters the first, what is read leaves the last. An error in any of them
 * destroys all, and is the chain's; so does one that closes before its end, with `ERR_RTMP_PREMATURE_CLOSE`. It may begin with what
 * only reads, or end in what is only written to. No stage is a plain pass, one stage is itself. This is the only door to pumpify.
 */
export function chain<const Stages extends readonly AnyStream[]>(...stages: Stages & Fitting<Stages>): Chained<Stages> {
  return joined(stages) as Chained<Stages>
}

function joined(stages: readonly AnyStream[]): Duplex {
  if (stages.length === 0) return new PassThrough({ objectMode: true })
  if (stages.length === 1) return stages[0] as Duplex
  let whole: Duplex | undefined
  // ahead of pumpify's own listeners: it takes a premature close for a wish to be gone, and says nothing
  for (const stage of stages) {
    finished(stage, error => {
      if (error) whole?.destroy(premature(error))
    })
  }
  whole = new Pumpify.obj(stages as never) as unknown as Duplex
  // pumpify's Duplex is of an older make, which is not destroyed, and so never closed, by its end
  finished(whole, () => whole.destroy())
  return whole
}

function premature(error: NodeJS.ErrnoException): Error {
  return error.code === 'ERR_STREAM_PREMATURE_CLOSE' ? new RtmpError('ERR_RTMP_PREMATURE_CLOSE') : error
}
