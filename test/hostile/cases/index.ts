import { ofAmf } from './amf.ts'
import type { Case } from './case.ts'
import { ofChunks } from './chunks.ts'
import { ofFiles } from './files.ts'
import { ofRtmpe } from './rtmpe.ts'
import { ofSessions } from './sessions.ts'

export { type ApiCase, ofApi, TOKEN } from './api.ts'
export type { Case } from './case.ts'
export { files } from './files.ts'
export { ofWeb, type WebCase } from './web.ts'

/** All that a guest of a server sends. */
export const cases: readonly Case[] = [...ofChunks, ...ofAmf, ...ofSessions, ...ofRtmpe, ...ofFiles]
