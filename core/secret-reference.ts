/**
 * Where a secret lies, in words that are no secret themselves: `env:NAME`, `file:/path`,
 * `keyring:service/account`, `systemd:NAME`. Configuration, plans and rows hold only these.
 */
export type SecretReference =
  | { from: 'env'; name: string }
  | { from: 'file'; path: string }
  | { from: 'keyring'; service: string; account: string }
  | { from: 'systemd'; name: string }

export const REFERENCE_WORDS = '`env:NAME`, `file:/path`, `keyring:service/account` or `systemd:NAME`'

/** Pure. Undefined where it is no reference: then it may be a secret itself, and must not be repeated. */
export function parseReference(text: string): SecretReference | undefined {
  const [, from, rest = ''] = /^(env|file|keyring|systemd):(.+)$/s.exec(text) ?? []
  switch (from) {
    case 'env':
      return /^[A-Za-z_]\w*$/.test(rest) ? { from, name: rest } : undefined
    case 'file':
      return rest.startsWith('/') && !rest.includes('\0') ? { from, path: rest } : undefined
    case 'systemd':
      // A file name below the credentials' folder, and nothing else.
      return /^[\w.-]+$/.test(rest) && rest !== '.' && rest !== '..' ? { from, name: rest } : undefined
    case 'keyring': {
      // A service may be a URL: the account stands behind the last slash.
      const [, service, account] = /^([^\0\n]+)\/([^/\0\n]+)$/.exec(rest) ?? []
      return service && account ? { from, service, account } : undefined
    }
    default:
      return undefined
  }
}

export function isReference(text: string): boolean {
  return parseReference(text) !== undefined
}
