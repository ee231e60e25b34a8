import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.Date;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.util.Properties;
import java.util.TimeZone;
import java.util.concurrent.CountDownLatch;

/** What Java's tools do over JDBC; prints one line `name=value` for each thing, which the test compares. */
public class Jdbc {
    private static String url;

    public static void main(String[] arguments) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        url = arguments[0];
        try (Connection connection = connect("binaryTransfer", "true")) {
            tell("driver", connection.getMetaData().getDriverVersion().substring(0, 2));
            simple(connection);
            types(connection);
            prepared(connection);
            errors(connection);
            cursor(connection);
            cancel(connection);
        }
        try (Connection connection = connect("preferQueryMode", "simple")) {
            simple(connection);
        }
        try (Connection connection = connect("binaryTransfer", "false")) {
            types(connection);
        }
    }

    private static Connection connect(String name, String value) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        properties.setProperty("prepareThreshold", "2");
        properties.setProperty(name, value);
        return DriverManager.getConnection(url, properties);
    }

    private static void tell(String name, Object value) {
        System.out.println(name + "=" + value);
    }

    private static void simple(Connection connection) throws SQLException {
        StringBuilder found = new StringBuilder();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT id, name, city FROM cust ORDER BY id")) {
            while (rows.next()) {
                found.append(rows.getLong(1)).append(rows.getString("name")).append(rows.getString(3)).append(';');
            }
        }
        tell("simple", found);
        try (Statement statement = connection.createStatement()) {
            tell("several", statement.execute("SELECT 1 AS a; SELECT 2 AS b") && statement.getMoreResults());
        }
    }

    private static void types(Connection connection) throws SQLException {
        String sql = "SELECT true AS b, CAST(7 AS smallint) AS s, CAST(-70000 AS int) AS i, CAST(5000000000 AS bigint) AS l,"
                + " CAST(0.1 AS double) AS d, CAST('-12.50' AS decimal(6, 2)) AS n, 'ü' AS t, CAST('1999-12-31' AS date) AS day,"
                + " CAST('2024-03-01 10:00:00.25' AS timestamp) AS ts, CAST(NULL AS int) AS nothing";
        for (int time = 0; time < 4; time++) {
            try (PreparedStatement statement = connection.prepareStatement(sql);
                    ResultSet rows = statement.executeQuery()) {
                rows.next();
                ResultSetMetaData columns = rows.getMetaData();
                StringBuilder found = new StringBuilder();
                for (int n = 1; n <= columns.getColumnCount(); n++) {
                    found.append(columns.getColumnTypeName(n)).append(':').append(rows.getObject(n)).append(' ');
                }
                tell("types", found.toString().trim());
            }
        }
    }

    private static void prepared(Connection connection) throws SQLException {
        StringBuilder found = new StringBuilder();
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT name FROM cust WHERE id = ? AND name <> ?")) {
            for (long id = 1; id <= 5; id++) { // from the second time on it is prepared on the server, in binary
                statement.setLong(1, id);
                statement.setString(2, "nobody");
                try (ResultSet rows = statement.executeQuery()) {
                    found.append(rows.next() ? rows.getString(1) : "-").append(';');
                }
            }
        }
        tell("prepared", found);
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT ? AS i, ? AS d, ? AS b, ? AS n, ? AS day, ? AS ts, ? AS nothing")) {
            statement.setInt(1, 7);
            statement.setDouble(2, 0.1);
            statement.setBoolean(3, true);
            statement.setBigDecimal(4, new BigDecimal("1.50"));
            statement.setObject(5, java.time.LocalDate.of(1999, 12, 31));
            statement.setObject(6, java.time.LocalDateTime.of(2024, 3, 1, 10, 0, 0, 250_000_000));
            statement.setNull(7, java.sql.Types.VARCHAR);
            try (ResultSet rows = statement.executeQuery()) {
                rows.next();
                StringBuilder values = new StringBuilder();
                for (int n = 1; n <= 7; n++) {
                    values.append(rows.getObject(n)).append(' ');
                }
                tell("values", values.toString().trim());
            }
        }
    }

    private static void errors(Connection connection) throws SQLException {
        for (String sql : new String[] {"SELEC 1", "SELECT * FROM nowhere", "SELECT nope FROM cust"}) {
            try (Statement statement = connection.createStatement()) {
                statement.executeQuery(sql);
            } catch (SQLException error) {
                tell("error", error.getSQLState() + " " + error.getMessage().contains("ErrorCode: " + error.getSQLState()));
            }
        }
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.executeQuery("SELECT nope FROM cust");
        } catch (SQLException error) {
            connection.rollback();
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT 1 AS a")) {
            rows.next();
            tell("after", rows.getInt(1));
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    private static void cursor(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        long count = 0;
        long sum = 0;
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(1000);
            try (ResultSet rows = statement.executeQuery("SELECT n FROM many LIMIT 5500")) {
                while (rows.next()) {
                    count++;
                    sum += rows.getLong(1);
                }
            }
        }
        connection.commit();
        connection.setAutoCommit(true);
        tell("cursor", count + " " + sum);
    }

    private static void cancel(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            CountDownLatch ended = new CountDownLatch(1);
            Thread other = new Thread(() -> {
                try {
                    while (!ended.await(50, java.util.concurrent.TimeUnit.MILLISECONDS)) {
                        statement.cancel();
                    }
                } catch (InterruptedException | SQLException error) {
                    throw new IllegalStateException(error);
                }
            });
            other.start();
            try {
                statement.executeQuery("SELECT count(1) FROM many a CROSS JOIN many b CROSS JOIN many c WHERE a.n + b.n > c.n");
            } catch (SQLException error) {
                tell("cancelled", error.getSQLState());
            } finally {
                ended.countDown();
                other.join();
            }
        }
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery("SELECT count(1) FROM many a CROSS JOIN many b CROSS JOIN many c WHERE a.n + b.n > c.n");
        } catch (SQLException error) {
            tell("too long", error.getSQLState());
        }
    }
}
