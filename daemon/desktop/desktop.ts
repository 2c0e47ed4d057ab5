/**
 * The owner's own machine: keeping it awake, and saying something on its screen.
 *
 * Both are favours of programs that may not be there or may refuse (no session, no screen). Then nothing
 * happens and nothing fails; `words` says so once, for start-up and `doctor`.
 */
export interface Desktop {
  /** One sentence: with what it does both, or what is missing. */
  readonly words: string
  /** The machine does not go to sleep until it is disposed. Never throws; disposing twice does no harm. */
  stayAwake(why: string): AsyncDisposable
  /** Resolves whether it was shown. */
  notify(notice: { title: string; body: string }): Promise<boolean>
}
