/**
 * What makes programs use the proxy on their loopback. What they reach there by themselves (the gateway, a server of
 * their own) needs none.
 */
export function proxyEnvironment(port: number): Record<string, string> {
  const proxy = `http://127.0.0.1:${port}`
  const jvm = ['http', 'https'].map((kind) => `-D${kind}.proxyHost=127.0.0.1 -D${kind}.proxyPort=${port}`).join(' ')
  return {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    ALL_PROXY: proxy,
    NO_PROXY,
    http_proxy: proxy,
    https_proxy: proxy,
    all_proxy: proxy,
    no_proxy: NO_PROXY,
    // fetch and http of Node 24 look at the variables only when asked to.
    NODE_USE_ENV_PROXY: '1',
    YARN_HTTP_PROXY: proxy,
    YARN_HTTPS_PROXY: proxy,
    MAVEN_OPTS: jvm,
    GRADLE_OPTS: jvm,
  }
}

const NO_PROXY = 'localhost,127.0.0.1,::1'
