/** What the daemon found when it started, for `npm start`, `claw status` and `doctor`. */
export interface Health {
  version: string
  pid: number
  startedAt: number
  home: string
  url: string
  node: string
  agents: {
    name: string
    title: string
    /** Installed, and with a model or a login. */
    found: boolean
    installed: boolean
    /** The owner is logged in with the agent itself. */
    loggedIn: boolean
    /** APIs of models that it can be pointed at. */
    apis: string[]
    words: string
  }[]
  brain: string
  model: string | null
  /** Who answers for the models, and whether it may be asked now. */
  upstreams: { name: string; ready: boolean; words: string }[]
  sandbox: { name: string; words: string }
  memory: string
  goals: { open: number; waiting: number }
  runs: number
}
