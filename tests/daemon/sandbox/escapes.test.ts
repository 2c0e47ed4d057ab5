import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProgram } from '../../../daemon/sandbox/find-sandbox.ts'
import { aSandboxPlace, PATH, type SandboxPlace, users } from './a-sandbox.ts'

const probe = await aSandboxPlace('root')
probe?.[Symbol.dispose]()
if (!probe) console.log('skipped: no sandbox works here')
const python = findProgram('python3', PATH)
if (!python) console.log('skipped in part: python3 is not installed')
const npm = findProgram('npm', process.env['PATH'] ?? '')

/** Every way out that we know of is really tried, inside the real sandbox, with a reach as agents have it. */
describe.skipIf(!probe).each(users)('no way out, as %s', (user) => {
  let place: SandboxPlace
  let outside: string
  let ownersSocket: Server
  let abstract: Server
  let abstractName: string

  beforeAll(async () => {
    place = (await aSandboxPlace(user))!
    // The owner's things: a folder of the same user's that no wish names, as a home is.
    outside = join(place.ownerHome, 'projects')
    mkdirSync(join(outside, '.git', 'hooks'), { recursive: true })
    mkdirSync(join(place.ownerHome, '.ssh'))
    writeFileSync(join(outside, 'secret'), 'the-secret')
    writeFileSync(join(place.ownerHome, '.gitconfig'), '[user]\n\tname = the-owner\n[core]\n\tsshCommand = steal\n')
    writeFileSync(join(place.clawHome, 'daemon.json'), 'the-secret')
    mkdirSync(join(place.clawHome, 'worktrees', 'sibling'))
    writeFileSync(join(place.clawHome, 'worktrees', 'sibling', 'file'), 'the-secret')
    execFileSync('chmod', ['-R', 'a+rwX', place.ownerHome, join(place.clawHome, 'worktrees', 'sibling')])
    chmodSync(join(place.clawHome, 'daemon.json'), 0o666)
    ownersSocket = createServer((socket) => socket.end('the-secret'))
    await new Promise<void>((resolve) => ownersSocket.listen(join(place.ownerHome, 'agent.sock'), resolve))
    chmodSync(join(place.ownerHome, 'agent.sock'), 0o777)
    abstractName = `claw-test-${process.pid}-${user}`
    abstract = createServer((socket) => socket.end('the-secret'))
    await new Promise<void>((resolve) => abstract.listen(`\0${abstractName}`, resolve))
  })
  afterAll(() => {
    ownersSocket.close()
    abstract.close()
    place[Symbol.dispose]()
  })

  const inside = (script: string, env: Record<string, string> = {}) =>
    place.inside(`exec 2>&1\n${script}`, {
      network: { hosts: [] },
      env: { PATH, HOME: join(place.clawHome, 'home'), ...env },
    })

  async function expectNothing(script: string): Promise<void> {
    const end = await inside(script)
    expect(end.tail).not.toContain('the-secret')
    expect(existsSync(join(outside, 'planted')), 'something was written outside').toBe(false)
    expect(existsSync(join(place.clawHome, 'planted')), 'something was written into the Claw home').toBe(false)
    expect(existsSync(join(place.clawHome, 'worktrees', 'sibling', 'planted'))).toBe(false)
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('the-secret')
    expect(end.tail, 'it was really tried').toContain('tried')
  }

  test('symlinks: one that lies there, one made inside, one to a folder, a chain', async () => {
    if (!existsSync(join(place.worktree, 'lying'))) symlinkSync(join(outside, 'secret'), join(place.worktree, 'lying'))
    await expectNothing(`cat lying
ln -s ${outside} made; cat made/secret; echo x > made/planted; touch made/planted
ln -s made chain; cat chain/secret; cp /etc/hostname chain/planted
ln -s /proc/1/root root; cat root${outside}/secret
echo tried`)
  })

  test('`..` from the worktree, from an open folder, after a move', async () => {
    await expectNothing(`cat ../sibling/file; cat ../../daemon.json; echo x > ../../planted; echo x > ../sibling/planted
mkdir -p a/b; (cd a/b && mv ../../a/b ../../c; cat ../../daemon.json; cat ../../../daemon.json; ls ../..)
cat /proc/self/cwd/../../daemon.json
echo tried`)
  })

  test('hard links to what lies outside, and a link to a file that is only readable', async () => {
    await expectNothing(`ln ${outside}/secret stolen; ln ../../daemon.json stolen2; ln ../sibling/file stolen3; cat stolen stolen2 stolen3
ln /etc/hostname own-name && echo x >> own-name
echo tried`)
    expect(existsSync(join(place.worktree, 'own-name'))).toBe(false)
  })

  test('a .git file that points elsewhere leads nowhere, and hooks and fsmonitor of the worktree run inside', async () => {
    await expectNothing(`git() { command git -c safe.directory='*' "$@"; }
echo "gitdir: ${outside}/.git" > .git; git status; git log; cat .git/../secret; rm -f .git
git init -q . && git config user.email a@b && git config user.name a
printf '#!/bin/sh\\ncat ${outside}/secret; echo x > ${outside}/planted; echo x > ${place.clawHome}/planted\\n' > .git/hooks/post-commit
chmod +x .git/hooks/post-commit
git commit -q --allow-empty -m x; rm -rf hook; cp .git/hooks/post-commit hook
git config core.fsmonitor "$PWD/hook"; git status; git config core.pager "$PWD/hook"; git --paginate log
git config core.sshCommand "$PWD/hook"; git fetch ssh://far.example/x
git config core.hooksPath ${outside}/.git/hooks; printf '#!/bin/sh\\n' > ${outside}/.git/hooks/planted
rm -rf .git hook; echo tried`)
    expect(existsSync(join(outside, '.git', 'hooks', 'planted'))).toBe(false)
  })

  test.skipIf(!npm)('scripts of packages run inside as well', async () => {
    writeFileSync(
      join(place.worktree, 'package.json'),
      JSON.stringify({
        name: 'x',
        version: '1.0.0',
        scripts: {
          preinstall: `cat ${outside}/secret; echo x > ${outside}/planted; echo ran`,
          test: `cat ../../daemon.json; echo ran`,
        },
      }),
    )
    chmodSync(join(place.worktree, 'package.json'), 0o666)
    const end = await place.inside('exec 2>&1; npm install --foreground-scripts --offline; npm test; echo tried', {
      network: { hosts: [] },
      readable: [join(npm!, '..', '..')],
      env: { PATH: `${join(npm!, '..')}:${join(process.execPath, '..')}:${PATH}`, HOME: join(place.clawHome, 'home') },
    })
    expect(end.tail).toContain('ran')
    expect(end.tail).not.toContain('the-secret')
    expect(existsSync(join(outside, 'planted'))).toBe(false)
  })

  test.skipIf(!python)('unix sockets: of the owner, of docker, of D-Bus, abstract ones', async () => {
    const files = [
      join(place.ownerHome, 'agent.sock'),
      '/var/run/docker.sock',
      '/run/docker.sock',
      '/run/dbus/system_bus_socket',
      '/run/user/0/bus',
    ]
    await expectNothing(`python3 - <<'EOF_PY'
import socket
for name in ${JSON.stringify([...files])} + ["\\0${abstractName}"]:
    try:
        s = socket.socket(socket.AF_UNIX); s.settimeout(3); s.connect(name); print("open", name, s.recv(100))
    except OSError as error: print("closed", repr(name), error)
EOF_PY
echo tried`)
    const end = await inside('echo "$SSH_AUTH_SOCK $DBUS_SESSION_BUS_ADDRESS $DOCKER_HOST" | tr -d " "; ls /run')
    expect(end.tail).toBe('\nclaw\n')
  })

  test('/proc shows no process but its own, and nothing of the daemon', async () => {
    await expectNothing(`cat /proc/${process.pid}/environ /proc/${process.pid}/cmdline; ls -l /proc/${process.pid}/fd
for p in /proc/[0-9]*; do cat $p/root${outside}/secret $p/cwd/../../daemon.json; done
kill -9 ${process.pid}; kill -9 ${process.ppid}
echo tried`)
    const end = await inside('cat /proc/[0-9]*/cmdline | tr "\\0" " "')
    expect(end.tail).not.toMatch(/vitest/)
  })

  test.skipIf(!python)('ptrace and foreign memory: what it did not start is not there to be traced', async () => {
    await expectNothing(`python3 - <<'EOF_PY'
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for pid in (${process.pid}, ${process.ppid}):
    print(pid, libc.ptrace(16, pid, 0, 0), ctypes.get_errno())
    try: open(f"/proc/{pid}/mem", "rb").read(1)
    except OSError as error: print(error)
EOF_PY
echo tried`)
  })

  test('namespaces: no mount, no remount, no new root, no entering of another', async () => {
    await expectNothing(`mount -o remount,rw / ; mount --bind ${place.ownerHome} /mnt; umount -l ${place.ownerHome}; umount -l /run; cat ${outside}/secret
unshare -Urm sh -c 'umount -l ${place.ownerHome}; mount -t tmpfs x /mnt; cat ${outside}/secret'
nsenter -t 1 -a sh -c 'cat ${outside}/secret'; chroot /proc/1/root cat ${outside}/secret
pivot_root . .; mknod disk b 8 0; debugfs -R "cat ${outside}/secret" /dev/vda
echo tried`)
  })

  test('the environment holds what was given and nothing of the daemon’s', async () => {
    const end = await inside('env', { GIVEN: 'yes' })
    const names = end.tail.split('\n').flatMap((line) => /^([A-Za-z_]+)=/.exec(line)?.[1] ?? [])
    expect(names).toContain('GIVEN')
    for (const name of Object.keys(process.env)) {
      if (['PATH', 'HOME', 'PWD', 'OLDPWD', 'SHLVL', '_'].includes(name) || /proxy$/i.test(name)) continue
      if (['NODE_USE_ENV_PROXY', 'MAVEN_OPTS', 'GRADLE_OPTS'].includes(name)) continue
      expect(names, `${name} leaked`).not.toContain(name)
    }
  })

  test("git's configuration of the owner is neither read nor written", async () => {
    const end = await inside(
      `git config --global --list; cat ${place.ownerHome}/.gitconfig; git config -f ${place.ownerHome}/.gitconfig core.pager evil; git config --system core.pager evil; echo tried`,
    )
    expect(end.tail).not.toContain('the-owner')
    expect(end.tail).toContain('tried')
    expect(readFileSync(join(place.ownerHome, '.gitconfig'), 'utf8')).not.toContain('evil')
  })

  test('a set-user-id file that it makes gives nobody anything, and set-user-id programs give it nothing', async () => {
    const end = await inside(
      'cp /usr/bin/id own-id && chmod u+s own-id; grep NoNewPrivs /proc/self/status; su root -c id; sudo -n id',
    )
    expect(end.tail).toContain('NoNewPrivs:\t1')
    const made = join(place.worktree, 'own-id')
    // Whoever runs it outside is whoever made it: for a daemon of root's that is for capture to take away.
    if (existsSync(made) && user !== 'root') expect(statSync(made).uid).not.toBe(0)
    expect(end.tail).not.toMatch(/uid=0\(root\).*\n.*uid=0/)
  })
})
