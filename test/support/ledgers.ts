import { readFileSync } from 'node:fs'
import { type InspectOptions, inspectCapture } from '../../lib/inspect/inspect.ts'
import type { LedgerEntry } from '../../lib/inspect/ledger.ts'
import { textLine } from '../../lib/inspect/ledger-text.ts'

const captures = new URL('../../../test/captures/', import.meta.url)

export const captureFile = (name: string): Buffer => readFileSync(new URL(`${name}.pcap`, captures))

export const ledger = (file: Buffer, options?: InspectOptions): LedgerEntry[] => [...inspectCapture(file, options)]

export const textLedger = (file: Buffer, options?: InspectOptions): string[] => ledger(file, options).map(textLine)

export const ofKind = <Kind extends LedgerEntry['kind']>(
  entries: readonly LedgerEntry[],
  kind: Kind
): Extract<LedgerEntry, { kind: Kind }>[] =>
  entries.filter((entry): entry is Extract<LedgerEntry, { kind: Kind }> => entry.kind === kind)

export const ofSender = (entries: readonly LedgerEntry[], sender: 'client' | 'server'): LedgerEntry[] =>
  entries.filter(entry => 'from' in entry && entry.from === sender)
