import type {HttpAnswer, HttpClient, HttpRequest} from '../../agent/types.js';

type Good = Extract<HttpAnswer, {ok: true}>;

/** Answers every request alike and keeps the requests. */
export class FakeHttp implements HttpClient {
  readonly requests: HttpRequest[] = [];
  answer: HttpAnswer;

  constructor(answer: Partial<Good> | Extract<HttpAnswer, {ok: false}> = {}) {
    this.answer =
      answer.ok === false
        ? answer
        : {
            ok: true,
            status: 200,
            statusText: 'OK',
            headers: {},
            body: '',
            durationMs: 3,
            remoteAddress: '192.0.2.1',
            certificateDaysLeft: null,
            ...answer,
          };
  }

  async request(request: HttpRequest): Promise<HttpAnswer> {
    this.requests.push(request);
    return this.answer;
  }
}
