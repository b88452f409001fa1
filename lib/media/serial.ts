/** Timestamps have 32 bits and wrap: serial number arithmetic (RFC 1982) orders two of them. */

/** Milliseconds from one timestamp to the other: -2^31 to 2^31 - 1. */
export const between = (one: number, other: number): number => (other - one) | 0

export const isBefore = (one: number, other: number): boolean => between(other, one) < 0

export const sum = (timestamp: number, ms: number): number => (timestamp + ms) >>> 0
