/** One line of the table. */
export interface Result {
  readonly what: string
  readonly ours: string
  readonly against?: string
  readonly theirs?: string
  readonly ratio?: string
  readonly target?: string
}
