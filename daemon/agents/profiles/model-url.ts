/**
 * Programs disagree on whether a base URL carries the API's version. Owners write either; each
 * profile asks for the form that its program wants.
 */
export function withVersion(baseUrl: string, version: string): string {
  const url = baseUrl.replace(/\/+$/, '')
  return VERSION.test(url) ? url : `${url}/${version}`
}

export function withoutVersion(baseUrl: string): string {
  return baseUrl.replace(/\/+$/, '').replace(VERSION, '')
}

const VERSION = /\/v\d+(?:alpha|beta)?$/
