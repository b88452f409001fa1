import { type Duplex, finished, PassThrough, type Readable, type Writable } from 'node:stream'
import Pumpify from 'pumpify'
import { RtmpError } from '../errors.ts'
import type { DuplexOf, InOf, OutOf, Takes } from './typed.ts'

type AnyStream = Duplex | Readable | Writable

/** Stages that each accept what the one before yields. */
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
 * Joins stages into one Duplex: a write goes to the first stage, and the output is that of the last. An error in any of them destroys
 * all, and is emitted by the chain. A stage that closes before its end does the same, with `ERR_RTMP_PREMATURE_CLOSE`. The first may be
 * a Readable, and the last a Writable. Without a stage it is a PassThrough; a single stage is returned as it is. No other file imports
 * pumpify.
 *
 * @example
 * ```ts
 * const toFile = chain(timestampRepair({ rebase: true }), flvEncoder())
 * live.subscribe().pipe(toFile).pipe(createWriteStream('film.flv'))
 * ```
 */
export function chain<const Stages extends readonly AnyStream[]>(...stages: Stages & Fitting<Stages>): Chained<Stages> {
  return joined(stages) as Chained<Stages>
}

function joined(stages: readonly AnyStream[]): Duplex {
  if (stages.length === 0) return new PassThrough({ objectMode: true })
  if (stages.length === 1) return stages[0] as Duplex
  let whole: Duplex | undefined
  // ahead of pumpify's own listeners: it treats a premature close as a destroy() without an error
  for (const stage of stages) {
    finished(stage, error => {
      if (error) whole?.destroy(premature(error))
    })
  }
  whole = new Pumpify.obj(stages as never) as unknown as Duplex
  // pumpify's Duplex is of an older version of streams, without autoDestroy: it would never emit 'close'
  finished(whole, () => whole.destroy())
  return whole
}

function premature(error: NodeJS.ErrnoException): Error {
  return error.code === 'ERR_STREAM_PREMATURE_CLOSE' ? new RtmpError('ERR_RTMP_PREMATURE_CLOSE') : error
}
