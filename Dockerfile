# Two stages: the engine is compiled in the first; the second has the exchange, what it runs on, and no compiler.
FROM python:3.11-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.lock requirements-build.lock ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
    && python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes -r requirements.lock -r requirements-build.lock
COPY pyproject.toml setup.py README.md requirements.in alembic.ini ./
COPY alembic alembic
COPY src src
RUN /build/bin/python setup.py --quiet build_ext --inplace \
    && rm -rf build \
    && test "$(PYTHONPATH=src /venv/bin/python -m exchange.compiled)" = compiled

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/exchange exchange \
    && install --directory --owner exchange --group exchange --mode 0700 /var/lib/exchange
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app/src \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    EXCHANGE_HOME=/var/lib/exchange
WORKDIR /var/lib/exchange
VOLUME /var/lib/exchange
USER exchange
EXPOSE 8000
ENTRYPOINT ["python", "-m", "exchange"]
CMD ["--help"]
