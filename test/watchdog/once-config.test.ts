import t from 'tap';
import type {Config} from '../../agent/config/types.js';
import {forOnce} from '../../agent/watchdog/once-config.js';
import {parseTexts} from '../config/fixture.js';

const bgp =
  'bgp: {local_as: 64512, peers: [{name: r1, address: 10.0.0.1, remote_as: 64601, multihop: true}]}\n';
const check = 'check: {type: tcp, host: h, port: 1}\n';

function configOf(main: string, service = ''): Config {
  const {config, problems} = parseTexts({
    main,
    files: {'web.yaml': `prefixes: [192.0.2.1]\n${check}${service}`},
  });
  if (!config) throw new Error(JSON.stringify(problems));
  return config;
}

t.test('what announces only as long as the process lives', async (t) => {
  const only =
    /^only .*\(`bgp`\).*use `watchdog --schedule`, or announce through `bird`, `frr` or host routes/;
  const cases: readonly (readonly [
    main: string,
    service: string,
    refusal: RegExp | null,
    warnings: readonly RegExp[],
  ])[] = [
    ['frr: {}', '', null, []],
    ['bird: {file: /etc/bird/x.conf}', '', null, []],
    ['kernel: {}', '', null, []],
    [bgp, '', only, []],
    [`${bgp}kernel: {}`, '', only, []],
    [
      `${bgp}exabgp: {}`,
      '',
      /^only the embedded speaker .*, and `exabgp`, whose process this is not, could announce/,
      [],
    ],
    [`${bgp}kernel: {routes: true}`, '', null, [/^left out: the embedded speaker/]],
    [`${bgp}kernel: {}`, 'kernel: {routes: true}\n', null, [/^left out/]],
    [`${bgp}frr: {}`, '', null, [/^left out/]],
    [`${bgp}frr: {}`, 'announce: {via: [bgp, frr]}\n', null, [/^left out/]],
    [
      `${bgp}frr: {}`,
      'announce: {via: [bgp]}\n',
      null,
      [
        /^left out/,
        /^service web is announced through bgp alone: `watchdog --once` announces nothing of it$/,
      ],
    ],
  ];
  for (const [main, service, refusal, warnings] of cases) {
    const once = forOnce(configOf(main, service));
    if (refusal === null) t.equal(once.refusal, null, main);
    else t.match(once.refusal, refusal, main);
    t.equal(once.warnings.length, warnings.length, main);
    for (const [i, warning] of warnings.entries()) t.match(once.warnings[i], warning);
    t.same([once.config.bgp, once.config.exabgp], [null, null]);
  }
});
