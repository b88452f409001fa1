import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pace } from '../index.ts'
import { looped } from './looped.ts'

/** A few seconds of a test picture and a beep. */
export const clip: URL = new URL('../../../assets/demo.flv', import.meta.url)

/** Publishes a file over and over, in real time, until the stream it is written to is destroyed. */
export const loop = (file: URL, to: Writable): Promise<void> => pipeline(Readable.from(looped(file)), pace(), to)
