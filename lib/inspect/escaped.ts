/**
 * Text with characters escaped that a terminal obeys, or that hide or reorder others: each as \uXXXX, which JSON reads
 * as the same character.
 *
 * @example
 * ```ts
 * console.log(escaped('a name\x1b[31m in red'))
 * ```
 */
export function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, character =>
    character.replace(/[\s\S]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  )
}
